"""The records of many files as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from geoloc.data.check.record import Record


@dataclass(frozen=True)
class Photos:
    """Files in the order of a list of paths.

    Attributes:
        sizes: (N,) int64 bytes of the files.
        widths: (N,) int64 pixels of the upright photos, 0 where unreadable.
        heights: (N,) int64 likewise.
        modes: (N,) str, Pillow's modes.
        contents: (N,) int64, equal for files of equal bytes and for no others; below 0 where unreadable.
        looks: (N,) uint64 perceptual hashes.
        told: (N,) bool, whether the hash says anything: the photo is readable and not flat.
        brightness: (N,) float64, 0 (black) to 255 (white).
        errors: (N,) object: str, empty where readable.
    """

    sizes: np.ndarray
    widths: np.ndarray
    heights: np.ndarray
    modes: np.ndarray
    contents: np.ndarray
    looks: np.ndarray
    told: np.ndarray
    brightness: np.ndarray
    errors: np.ndarray

    @classmethod
    def of(cls, records: Sequence[Record]) -> Photos:
        """Put records into columns."""
        numbers: dict[bytes, int] = {}
        contents = [
            -1 - row if record.error else numbers.setdefault(record.digest, len(numbers))
            for row, record in enumerate(records)
        ]
        looks = b"".join(record.look or bytes(8) for record in records)
        return cls(
            sizes=np.array([record.size for record in records], np.int64),
            widths=np.array([record.width for record in records], np.int64),
            heights=np.array([record.height for record in records], np.int64),
            modes=np.array([record.mode for record in records], dtype=str),
            contents=np.array(contents, np.int64),
            looks=np.frombuffer(looks, ">u8").astype(np.uint64),
            told=np.array([bool(record.look) for record in records], bool),
            brightness=np.array([record.brightness for record in records], np.float64),
            errors=np.array([record.error for record in records], dtype=object),
        )

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def readable(self) -> np.ndarray:
        """(N,) bool."""
        return self.contents >= 0

    def same_as(self, contents: np.ndarray) -> np.ndarray:
        """(n,) int64 row of the first of these photos that has each of (n,) `contents`, all of which must be there."""
        order = np.argsort(self.contents, kind="stable")
        return order[np.searchsorted(self.contents[order], contents)]

    def select(self, rows: np.ndarray | slice) -> Photos:
        """The photos of `rows`, in that order."""
        return Photos(*(getattr(self, field.name)[rows] for field in fields(self)))
