"""How time and memory grow with the size of the database.

    python scripts/bench/scale.py [--largest 1000000] [--dim 128] [--seconds 20] [--json FILE]
    python scripts/bench/scale.py --largest 0 --images FOLDER [--full]

Each subject is done on 1,000, 3,000, 10,000, ... rows and stops where the next size would probably take longer than
`--seconds`. Given are the seconds, the memory that was needed besides what was there, and the exponents: the slopes of
both against N on logarithmic axes, over the upper half of the sizes. 1 means ten times the time for ten times the rows.
Seconds depend on the machine and on what else it does; exponents hardly do.

With `--images` the demo city at its usual size and at four times that is rendered into FOLDER unless it is there,
scanned as task=check does, and described by a small network. `--full` adds a hundred times: 215,000 files, the
photos of the larger one linked 25 times at other places, each of them read and described anew.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from search import descriptors
from torch.utils.data import DataLoader

from geoloc.data.batches import photo_batch
from geoloc.data.check.cache import ScanCache
from geoloc.data.check.scan import scan
from geoloc.data.datasets import Images
from geoloc.data.demo_city import render_demo_city
from geoloc.evaluate.recall import hits_at_n
from geoloc.extraction.describer import Describer
from geoloc.index.exact import Exact
from geoloc.index.faiss_hnsw import FaissHnsw
from geoloc.index.faiss_ivfpq import FaissIvfpq
from geoloc.net import DescriptorNet
from geoloc.places import positives_within
from geoloc.postprocess.alpha_qe import AlphaQE
from geoloc.postprocess.chain import Evidence, apply_all
from geoloc.postprocess.geo_dbscan import GeoDBSCAN

K = 20
SIZES = [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000]
QUERIES = 200
NOTHING = 10_000_000  # bytes; below, what the allocator keeps hides what a stage needs
# Name of a subject and of one of its stages.
Stage = tuple[str, Callable[[], Any]]


def memory(key: str) -> int:
    """Bytes of this process: VmRSS, what it has now, or VmHWM, the most it had since `forget_peak`."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(f"{key}:")).split()[1])


def forget_peak() -> None:
    """Give freed memory back to the system, and count the peak from now on."""
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def timed(call: Callable[[], Any]) -> tuple[float, int, Any]:
    """Seconds and bytes that a call needs besides what is there, and what it returns."""
    forget_peak()
    before, start = memory("VmRSS"), time.perf_counter()
    result = call()
    return time.perf_counter() - start, max(0, memory("VmHWM") - before), result


def exponent(sizes: list[int], values: list[float]) -> float | None:
    """Slope on logarithmic axes over the upper half of the sizes, and over two at least; None of one.

    Example:
        >>> round(exponent([1, 10, 100, 1000], [5, 2, 20, 200]), 6)
        1.0
    """
    if len(sizes) < 2:
        return None
    upper = slice(min(len(sizes) // 2, len(sizes) - 2), None)
    return float(np.polyfit(np.log(sizes[upper]), np.log(np.maximum(values[upper], 1e-9)), 1)[0])


def of_index(index: Any, size: int, dim: int) -> Iterator[Stage]:
    """Building an index and searching it."""
    database, asked = descriptors(size, dim, QUERIES)
    held: list[Any] = []
    if index.approximate:
        yield f"{index.name}: building", lambda: held.append(index.fit(database))
    else:
        held.append(index.fit(database))
    yield f"{index.name}: {QUERIES} queries", lambda: held[0].search(asked, K)


def of_recall(size: int, dim: int) -> Iterator[Stage]:
    """Positives, counting and post-processing of N / 10 queries; streets with a photo every five metres."""
    database, asked = descriptors(size, dim, size // 10)
    rng = np.random.default_rng(0)
    streets, along = rng.integers(0, max(1, size // 500), size), rng.uniform(0, 2500, size)
    xy = np.stack([along, 200.0 * streets], axis=1)
    found: list[Any] = []
    yield "positives within 25 m, N / 10 queries", lambda: found.append(positives_within(xy[::10], xy, 25.0))
    predictions = Exact().search(database[:1000], asked, K)
    yield "counting recall, N / 10 queries", lambda: hits_at_n(predictions.ids, found[0], [1, 5, 10, 20])
    known = Evidence(xy, np.full(size, ""), database, asked)
    for step in (GeoDBSCAN(), AlphaQE()):
        yield f"{type(step).__name__}, N / 10 queries", lambda step=step: apply_all([step], predictions, known)


def of_images(root: Path, scale: int, kept: dict[str, Any]) -> Iterator[Stage]:
    """Rendering, scanning and describing the demo city."""
    city = root / ("demo_city" if scale == 1 else f"demo_city_x{scale}")
    if scale == 100:
        link(root / "demo_city_x4", city, 25)
    elif not (city / "demo_city.json").is_file():
        kept["size"] = 2157 * scale  # about; they are counted afterwards
        yield "rendering the demo city", lambda: render_demo_city(city, scale=scale)
    paths = sorted(city.glob("images/*/*/*.jpg"))
    kept["size"] = len(paths)
    with tempfile.TemporaryDirectory() as folder:
        yield "task=check: scanning photos", lambda: scan(paths, 0, ScanCache(Path(folder) / "cache"))
    net = small_network()
    photos = Images(paths, net.image_size)

    def describe() -> None:
        describer = Describer()
        describer.take(net.eval())
        with torch.inference_mode():
            for images, _ in DataLoader(photos, 16, num_workers=2, collate_fn=photo_batch):
                describer(images)

    yield "describing photos of 96x128", describe


def link(source: Path, city: Path, copies: int) -> None:
    """Make a city of several: hard links to the photos of one, each copy 10 km further east."""
    for path in source.glob("images/*/*/*.jpg"):
        _, east, rest = path.name.split("@", 2)
        for number in range(copies):
            other = city / path.parent.relative_to(source) / f"@{float(east) + 10_000 * number:010.2f}@{rest}"
            other.parent.mkdir(parents=True, exist_ok=True)
            if not other.exists():
                os.link(path, other)


def small_network() -> DescriptorNet:
    """ResNet-18 to conv4 with GeM, untrained."""
    torch.manual_seed(0)
    backbone = {"_target_": "geoloc.backbones.resnet.ResNet", "depth": 18, "cut": "conv4", "weights": "none"}
    return DescriptorNet.from_spec(
        {"backbone": backbone, "aggregator": {"_target_": "geoloc.aggregators.gem.GeM"}, "image_size": [96, 128]}
    )


def measure(
    largest: int = SIZES[-1], dim: int = 128, seconds: float = 20, images: Path | None = None, full: bool = False
) -> list[dict[str, Any]]:
    """One row a stage: name, sizes, seconds, bytes, and the exponents of both.

    Args:
        largest: Database rows, at most.
        dim: D of synthetic descriptors.
        seconds: A subject stops where the next size would probably take longer.
        images: Folder of demo cities; None: nothing is done with photos.
        full: Also a city of a hundred times the usual size.
    """
    curves = Curves()
    subjects: list[Callable[[int], Iterator[Stage]]] = [
        *(lambda size, index=index: of_index(index, size, dim) for index in (Exact(), FaissHnsw(), FaissIvfpq())),
        lambda size: of_recall(size, dim),
    ]
    for subject in subjects:
        last = 0.0
        for size in (each for each in SIZES if each <= largest):
            if 3.5 * last > seconds:
                break
            last = curves.add(subject(size), {"size": size})
    for scale in () if images is None else (1, 4, 100) if full else (1, 4):
        kept: dict[str, Any] = {}
        curves.add(of_images(images, scale, kept), kept)
    return curves.finished()


class Curves:
    """Collects what stages take at each size."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}

    def add(self, stages: Iterator[Stage], about: dict[str, Any]) -> float:
        """Do some stages; seconds of all of them. `about` holds their "size" at the latest when a stage is over."""
        total = 0.0
        for name, call in stages:
            took, needed, _ = timed(call)
            row = self.rows.setdefault(name, {"subject": name, "size": [], "seconds": [], "bytes": []})
            for key, value in (("size", about["size"]), ("seconds", took), ("bytes", needed)):
                row[key].append(value)
            total += took
        return total

    def finished(self) -> list[dict[str, Any]]:
        """The rows with their exponents."""
        for row in self.rows.values():
            row["time_exponent"] = exponent(row["size"], row["seconds"])
            enough = row["bytes"][-1] >= NOTHING
            row["memory_exponent"] = exponent(row["size"], row["bytes"]) if enough else None
        return list(self.rows.values())


def lines(rows: list[dict[str, Any]]) -> list[str]:
    """The rows as a Markdown table."""
    found = [
        "| | from N | to N | seconds | MB | exponent of time | of memory |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        time_exponent, memory_exponent = (
            "" if value is None else f"{value:.2f}" for value in (row["time_exponent"], row["memory_exponent"])
        )
        found.append(
            f"| {row['subject']} | {row['size'][0]:,} | {row['size'][-1]:,} | {row['seconds'][-1]:.2f} |"
            f" {row['bytes'][-1] / 1e6:.0f} | {time_exponent} | {memory_exponent} |"
        )
    return found


def main() -> None:
    """Print the curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="database rows, at most")
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument(
        "--seconds", type=float, default=20, help="a subject stops where the next size would take longer"
    )
    parser.add_argument("--images", type=Path, help="folder for demo cities; without it nothing is done with photos")
    parser.add_argument("--full", action="store_true", help="also a city of a hundred times the usual size")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    if given.full and given.images is None:
        parser.error("--full: has no effect without --images FOLDER")
    rows = measure(given.largest, given.dim, given.seconds, given.images, given.full)
    print("\n".join(lines(rows)))
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
