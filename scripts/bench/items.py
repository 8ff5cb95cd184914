"""One image from its file to what a loader hands on, against the benchmark's way: ratios from interleaved rounds.

    python scripts/bench/items.py [--rounds 9] [--images 12] [--json PATH]

The baseline is the CVPR 2022 benchmark's way: Pillow decodes and converts, `ToTensor`, `Normalize`, and a resize of
the float tensor. Ours ends as a uint8 tensor at its size: values are normalised a batch at a time, on the network's
device. A case of two threads has both at it with two photos at once. Times are medians and mean little on a busy
machine; ratios are what to read.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision import transforms

from geoloc.data.images import enough_for, read_pixels, resize

Item = Callable[[Path], torch.Tensor]
SIZES = (((480, 640), None), ((480, 640), (240, 320)), ((1200, 1600), (480, 640)))  # of the photo, of the network
NORMALISED = transforms.Compose(
    [transforms.ToTensor(), transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])]
)


def theirs(size: tuple[int, int] | None) -> Item:
    """The benchmark's way to a (3, h, w) float32 tensor."""
    scaled = transforms.Resize(size or (1, 1), antialias=True)

    def item(path: Path) -> torch.Tensor:
        with Image.open(path) as image:
            pixels = NORMALISED(image.convert("RGB"))
        return pixels if size is None else scaled(pixels)

    return item


def ours(size: tuple[int, int] | None, decode: str) -> Item:
    """A (3, h, w) uint8 tensor, as `Images` has it."""
    enough = None if size is None else enough_for(size, decode)  # type: ignore[arg-type]

    def item(path: Path) -> torch.Tensor:
        pixels = read_pixels(path, enough)
        return pixels if size is None else resize(pixels, size)

    return item


def photos(folder: Path, size: tuple[int, int], count: int) -> list[Path]:
    """JPEGs of quality 90 with detail of every scale, as bytes about as large as photos of streets."""
    paths = []
    for number in range(count):
        rng, pixels = np.random.default_rng(number), np.zeros((*size, 3))
        for cells, strength in ((8, 60), (24, 30), (80, 20), (size[0] // 2, 14)):
            coarse = rng.integers(0, 256, (cells, cells * 4 // 3, 3), dtype=np.uint8)
            scaled = Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC)
            pixels += strength / 64 * (np.asarray(scaled) - 128.0)
        paths.append(folder / f"{size[0]}_{number}.jpg")
        Image.fromarray((128 + pixels).clip(0, 255).astype(np.uint8)).save(paths[-1], quality=90)
    return paths


def seconds(item: Item, paths: list[Path], pool: ThreadPoolExecutor | None) -> float:
    """Of all items, divided by their number."""
    start = time.perf_counter()
    for _ in map(item, paths) if pool is None else pool.map(item, paths):
        pass
    return (time.perf_counter() - start) / len(paths)


def measure(full: bool = False) -> list[dict[str, Any]]:
    """Every case; seconds are of a photo."""
    return cases(9 if full else 3, 12)


def cases(rounds: int, images: int) -> list[dict[str, Any]]:
    """Every case.

    Args:
        rounds: Of which medians are taken.
        images: Photos a round.

    Returns:
        A row each: stage, case, way, baseline_s and ours_s (a photo), ratio (median of the rounds' own), note.
    """
    before, rows = torch.get_num_threads(), []
    torch.set_num_threads(1)  # as in a loader's worker
    try:
        with tempfile.TemporaryDirectory() as folder:
            for full, size in SIZES:
                paths = photos(Path(folder), full, images)
                for workers in (1, 2):
                    rows += _measured(paths, full, size, workers, rounds)
    finally:
        torch.set_num_threads(before)
    return rows


def _measured(
    paths: list[Path], full: tuple[int, int], size: tuple[int, int] | None, workers: int, rounds: int
) -> list[dict[str, Any]]:
    case = f"{full[1]}x{full[0]} {'as is' if size is None else f'to {size[1]}x{size[0]}'}, {workers} thread"
    ways = {"full": ours(size, "full")} | ({} if size is None else {"decode=reduced": ours(size, "reduced")})
    base = theirs(size)
    taken: dict[str, list[float]] = {name: [] for name in ("baseline", *ways)}
    with ThreadPoolExecutor(workers) as threads:
        pool = threads if workers > 1 else None
        for item in (base, *ways.values()):  # warm
            seconds(item, paths[:2], pool)
        for _ in range(rounds):
            taken["baseline"].append(seconds(base, paths, pool))
            for name, item in ways.items():
                taken[name].append(seconds(item, paths, pool))
    return [
        {
            "stage": "image item",
            "case": case + "s" * (workers > 1),
            "way": name,
            "baseline_s": statistics.median(taken["baseline"]),
            "ours_s": statistics.median(taken[name]),
            "ratio": statistics.median(a / b for a, b in zip(taken["baseline"], taken[name], strict=True)),
            "note": "same pixels as Pillow" if name == "full" else "other pixels",
        }
        for name in ways
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--images", type=int, default=12, help="photos a round")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    given = parser.parse_args()
    rows = cases(given.rounds, given.images)
    print(f"{'image item':52}{'baseline':>10}{'ours':>8}{'ratio':>7}   ms a photo")
    for row in rows:
        times = f"{1000 * row['baseline_s']:10.2f}{1000 * row['ours_s']:8.2f}"
        print(f"{row['case'] + ', ' + row['way']:52}{times}{row['ratio']:7.2f}   {row['note']}")
    if given.json:
        given.json.write_text(json.dumps(rows, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
