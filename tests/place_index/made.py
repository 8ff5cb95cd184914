"""Indexes of invented photos: what each one is follows from its number, so that any part of an index can be checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from geoloc.place_index.contents import Contents
from geoloc.place_index.index import Index
from geoloc.place_index.records import Records, texts
from geoloc.place_index.segment import Segment

DIM = 24
EXACT = {"precision": "exact", "lowest_cosine": 1.0}


def vector_of(number: int, dim: int = DIM) -> np.ndarray:
    """The (dim,) float32 descriptor of photo `number`, of unit length."""
    vector = np.random.default_rng(number).normal(size=dim)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def records_of(numbers, zone="17 north", tag="") -> Records:
    return Records(
        ids=texts([f"{tag}{number}.jpg" for number in numbers]),
        paths=texts([f"/photos/{tag}{number}.jpg" for number in numbers]),
        zones=texts([zone] * len(numbers)),
        times=texts([f"2024-01-01T00:00:{number % 60:02d}" for number in numbers]),
        xy=np.array([[500_000.0 + number, 4_000_000.25 + number / 3] for number in numbers]).reshape(-1, 2),
    )


def segment_of(numbers, dtype="float32", facts=None, **more) -> Segment:
    numbers = list(numbers)
    vectors = np.stack([vector_of(number) for number in numbers]).astype(dtype)
    return Segment(vectors, records_of(numbers, **more), facts or EXACT)


def index_of(*blocks, dtype="float32", coordinates="utm") -> Index:
    """An index in memory of blocks of numbers."""
    shown = {"multiscale": None}
    index = Index(Contents("m" * 32, DIM, dtype, coordinates, shown))
    for numbers in blocks:
        add(index, numbers)
    return index


def add(index: Index, numbers, **more) -> None:
    """What `Index.add` does with described photos."""
    index.contents = index.contents.plus(segment_of(numbers, index.contents.dtype, **more))


def numbers_of(index: Index) -> list[int]:
    """The photos of an index, each of which is checked to be what its number says."""
    numbers = [int(name.removesuffix(".jpg")) for name in index.ids]
    wanted = records_of(numbers)
    for column in ("ids", "paths", "zones", "times"):
        assert getattr(index, column).tolist() == getattr(wanted, column).tolist()
    assert np.array_equal(index.contents.records.xy, wanted.xy)
    if numbers:
        expected = np.stack([vector_of(number) for number in numbers]).astype(index.contents.dtype)
        assert np.array_equal(np.asarray(index.database), expected)
    return numbers


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name != ".lock"}
