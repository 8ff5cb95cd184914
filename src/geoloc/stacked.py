"""Rows of several arrays as one array, without a copy: what a search needs of a database that lies in many files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from geoloc.mapped import forget


class Stacked:
    """(N, D) rows of several arrays, one after the other. To be read only, by slices or by arrays of row numbers.

    Args:
        parts: Arrays of (n, D) of one type, each with the (m,) int64 rows that count, ascending; None: all of them.
        dim: D.
        dtype: Of the parts.

    Attributes:
        shape: (N, D).
    """

    ndim = 2

    def __init__(
        self, parts: Sequence[tuple[np.ndarray | Stacked, np.ndarray | None]], dim: int, dtype: np.typing.DTypeLike
    ) -> None:
        self.parts = list(parts)
        self.dtype = np.dtype(dtype)
        sizes = [len(array) if rows is None else len(rows) for array, rows in self.parts]
        self.starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        self.shape = (int(self.starts[-1]), dim)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return self.shape[0] * self.shape[1] * self.dtype.itemsize

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Rows of a slice, (..., D) of an array of row numbers of any shape or of a mask, (D,) of one number.

        A slice that lies in one part is no copy.
        """
        if isinstance(rows, slice):
            first, last, step = rows.indices(len(self))
            if step == 1:
                return self._between(first, max(first, last))
            rows = np.arange(first, last, step)
        wanted = np.asarray(rows)
        if wanted.dtype == bool:
            wanted = np.flatnonzero(wanted)
        wanted = wanted.astype(np.int64)
        if wanted.size and not (-len(self) <= wanted.min() and wanted.max() < len(self)):
            raise IndexError(f"rows must lie in 0..{len(self) - 1}")
        return self._picked(np.where(wanted < 0, wanted + len(self), wanted))

    def __array__(self, dtype: np.typing.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        """All rows in memory."""
        return np.array(self._between(0, len(self)), dtype=dtype)

    def forget(self) -> None:
        """See `mapped.forget`."""
        for array, _ in self.parts:
            forget(array)

    def _between(self, first: int, last: int) -> np.ndarray:
        found = []
        for number in np.flatnonzero((self.starts[:-1] < last) & (self.starts[1:] > first)):
            array, rows = self.parts[number]
            begin, end = max(first - self.starts[number], 0), last - self.starts[number]
            found.append(array[begin:end] if rows is None else array[rows[begin:end]])
        if len(found) == 1:
            return found[0]
        return np.concatenate(found) if found else np.empty((0, self.shape[1]), self.dtype)

    def _picked(self, wanted: np.ndarray) -> np.ndarray:
        flat = wanted.ravel()
        found = np.empty((flat.size, self.shape[1]), self.dtype)
        part = np.searchsorted(self.starts, flat, side="right") - 1
        for number in np.unique(part):
            array, rows = self.parts[number]
            here = part == number
            inside = flat[here] - self.starts[number]
            found[here] = array[inside if rows is None else rows[inside]]
        return found.reshape(*wanted.shape, self.shape[1])
