"""Candidates -> neighbours: every index ranks by distances that are measured on the descriptors themselves."""

from __future__ import annotations

import numpy as np

from geoloc.mapped import forget

# Candidates beyond k that are measured again: products of large matrices round differently with the block size, and
# near ties at the border must not depend on it.
SPARE = 16


def rank(database: np.ndarray, queries: np.ndarray, candidates: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Order candidates by directly measured distance, equal ones in order of the database.

    There is a loop over queries, since the vectors of all candidates together would be (Q, c, D).

    Args:
        database: (N, D) float descriptors.
        queries: (Q, D) float descriptors.
        candidates: (Q, c) int64 database rows; -1 where there is none. At least k of each query are rows.
        k: Neighbours wanted.

    Returns:
        (Q, k) int64 rows and (Q, k) float32 L2 distances.
    """
    candidates = np.sort(candidates, axis=1)
    ids = np.empty((len(queries), k), np.int64)
    distances = np.empty((len(queries), k), np.float32)
    for row, query in enumerate(queries):
        rows = candidates[row, np.searchsorted(candidates[row], 0) :]
        vectors = database[rows].astype(np.float32, copy=False)  # a copy already, since `rows` is an array
        vectors -= query
        measured = np.sqrt(np.square(vectors, out=vectors).sum(axis=1))
        order = np.argsort(measured, kind="stable")[:k]
        ids[row], distances[row] = rows[order], measured[order]
        if row % 4 == 3 or row == len(queries) - 1:  # the system maps up to 2 MB around each row that is read
            forget(database)
    return ids, distances


def level(squared: np.ndarray, k: int, queries: np.ndarray) -> np.ndarray:
    """Queries whose last candidate is no farther than the k-th, so that others as near may have been left out.

    Args:
        squared: (Q, c) squared distances in ascending order, each less any constant of its query.
        k: Neighbours wanted, at most c.
        queries: (Q, D) float descriptors; rounding grows with their length.

    Returns:
        (n,) int64 rows of `queries`.
    """
    rounding = 1e-5 * np.square(queries).sum(axis=1).clip(min=1)
    return np.flatnonzero(squared[:, -1] - squared[:, k - 1] <= rounding)
