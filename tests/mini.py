"""Tiny data sets that the tests write themselves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image


def name_of(east: float, north: float = 4_000_000.0, tag: str = "", note: str = "", time: str = "") -> str:
    """A file name in the field's layout."""
    return f"@{east:010.2f}@{north:010.2f}@17@T@@@{tag}@@@@@@{time}@{note}@.jpg"


def write_image(path: Path, seed: int, size: tuple[int, int] = (64, 64), noise: int = 0) -> Path:
    """A coarse random pattern that `seed` fixes; `noise` adds a second, finer one, so that photos of a place differ."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    image = np.asarray(Image.fromarray(coarse).resize(size[::-1], Image.Resampling.NEAREST)).astype(np.int64)
    if noise:
        image = image + np.random.default_rng([seed, noise]).integers(-20, 21, image.shape)
    Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(path, quality=95)
    return path


def write_side(folder: Path, eastings: Iterable[float], noise: int = 0, tag: str = "") -> list[Path]:
    """One image a position; photos at the same multiple of 100 m show the same place."""
    return [
        write_image(folder / name_of(east, tag=f"{tag}{i}"), seed=round(east / 100), noise=noise + i)
        for i, east in enumerate(eastings)
    ]


def write_mini_city(root: Path, places: int = 6) -> Path:
    """Train, val and test splits of `places` places 100 m apart; two database photos and one query each."""
    for split, first in (("train", 500_000), ("val", 520_000), ("test", 540_000)):
        at = [first + 100.0 * place for place in range(places)]
        write_side(root / "images" / split / "database", [east + shift for east in at for shift in (0, 4)], noise=1)
        write_side(root / "images" / split / "queries", [east + 2 for east in at], noise=100)
    return root


def write_hard_city(root: Path, places: int = 8) -> Path:
    """Like the mini city, but queries look like no place, so that recall is neither 0 nor 100 but a matter of luck."""
    write_mini_city(root, places)
    for number, path in enumerate(sorted(root.glob("images/*/queries/*.jpg"))):
        write_image(path, seed=9_000_000 + number)
    return root
