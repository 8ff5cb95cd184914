"""Distances of chosen pairs of descriptors, without a copy of a single one."""

from __future__ import annotations

import numpy as np


def squared_distances(a: np.ndarray, rows_a: np.ndarray, b: np.ndarray, rows_b: np.ndarray) -> np.ndarray:
    """Squared L2 distance of each pair, from the differences, so that near-duplicates keep their digits.

    Args:
        a: (N, D) float32 descriptors; may be mapped from a file.
        rows_a: (M,) int64 rows of `a`.
        b: (K, D) float32 descriptors; may be `a`.
        rows_b: (M,) int64 rows of `b`.

    Returns:
        (M,) float32.

    Raises:
        IndexError: There is no such row.

    Example:
        >>> line = np.array([[0.0], [3.0], [5.0]], np.float32)
        >>> squared_distances(line, np.array([0, 1]), line, np.array([2, 2])).tolist()
        [25.0, 4.0]
    """
    import faiss  # here and not above: importing geoloc stays light, and torch is loaded first

    for rows, array in ((rows_a, a), (rows_b, b)):
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(array):  # faiss would read whatever lies there
            raise IndexError(f"rows from {rows.min()} to {rows.max()} of {len(array)} descriptors")
    a, b = (np.ascontiguousarray(array, np.float32) for array in (a, b))
    rows_a, rows_b = (np.ascontiguousarray(rows, np.int64) for rows in (rows_a, rows_b))
    found = np.empty(len(rows_a), np.float32)
    pointers = [faiss.swig_ptr(array) for array in (a, rows_a, b, rows_b, found)]
    faiss.pairwise_indexed_L2sqr(a.shape[1], len(found), *pointers)  # type: ignore[attr-defined]
    return found
