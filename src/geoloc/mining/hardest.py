"""The two choices that all miners share: the best positive and the hardest negatives, in batches of queries."""

from __future__ import annotations

import numpy as np

from geoloc.places import Neighbours

# Rows of queries handled at once; keeps the temporary (block, pool) arrays small whatever the size of the data.
BLOCK = 256


def best_positives(queries: np.ndarray, database: np.ndarray, positives: Neighbours) -> np.ndarray:
    """The positive nearest in descriptor space.

    Args:
        queries: (S, D) float32 descriptors of the sampled queries.
        database: (N, D) float32 descriptors; only the rows of positives are read.
        positives: Database rows of each sampled query; at least one each.

    Returns:
        (S,) int64 database rows.

    Example:
        >>> from geoloc.places import from_lists
        >>> database = np.array([[0.0], [5.0], [1.5]])
        >>> best_positives(np.array([[1.0]]), database, from_lists([np.array([0, 1, 2])])).tolist()
        [2]
    """
    best = np.empty(len(queries), np.int64)
    for row, query in enumerate(queries):
        candidates = positives.of(row)
        best[row] = candidates[np.argmin(np.square(database[candidates] - query).sum(axis=1))]
    return best


def hardest_negatives(
    queries: np.ndarray,
    database: np.ndarray,
    pool: np.ndarray,
    close: Neighbours,
    count: int,
    only: Neighbours | None = None,
) -> np.ndarray:
    """The `count` images of a shared pool that are nearest in descriptor space and not close in metres.

    Args:
        queries: (S, D) float32 descriptors of the sampled queries.
        database: (N, D) float32 descriptors; only the rows of `pool` are read.
        pool: (P,) int64 database rows, ascending.
        close: For each sampled query the database rows that must not be chosen.
        count: Negatives wanted.
        only: For each sampled query the part of the pool that it may choose from; None for the whole pool.

    Returns:
        (S, count) int64 database rows, nearest first. A query with fewer than `count` valid ones has -1 in the rest.
    """
    chosen = np.full((len(queries), count), -1, np.int64)
    vectors = np.asarray(database[pool], dtype=np.float32)
    norms = np.square(vectors).sum(axis=1)
    for start in range(0, len(queries), BLOCK):
        block = np.arange(start, min(start + BLOCK, len(queries)))
        # Squared L2 distance less the query's own norm, which does not change a row's order.
        distance = norms - 2 * (queries[block] @ vectors.T)
        if only is not None:
            distance[~_mask(only.select(block), pool)] = np.inf
        distance[_mask(close.select(block), pool)] = np.inf
        chosen[block] = _smallest(distance, pool, count)
    return chosen


def _mask(near: Neighbours, pool: np.ndarray) -> np.ndarray:
    """(B, P) bool: which rows of the ascending pool belong to each query's neighbours."""
    mask = np.zeros((len(near), len(pool)), bool)
    query, row = near.pairs()
    column = np.minimum(np.searchsorted(pool, row), len(pool) - 1)
    inside = pool[column] == row
    mask[query[inside], column[inside]] = True
    return mask


def _smallest(distance: np.ndarray, pool: np.ndarray, count: int) -> np.ndarray:
    """(B, count) pool rows of the smallest finite distances, nearest first; -1 where there are no more."""
    wanted = min(count, distance.shape[1])
    nearest = np.sort(np.argpartition(distance, wanted - 1, axis=1)[:, :wanted], axis=1)
    values = np.take_along_axis(distance, nearest, axis=1)
    order = np.argsort(values, axis=1, kind="stable")
    nearest, values = np.take_along_axis(nearest, order, axis=1), np.take_along_axis(values, order, axis=1)
    rows = np.where(np.isfinite(values), pool[nearest], -1)
    return np.pad(rows, ((0, 0), (0, count - wanted)), constant_values=-1)


def fill_up(negatives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Repeat the negatives of queries that have too few, so that all tuples have one length.

    Args:
        negatives: (S, n) int64 with -1 where one is missing, the missing ones last.

    Returns:
        (S, n) int64, the found ones repeated in turn, and (S,) int64, the number found. A query with none keeps its
        -1 and must be left out.

    Example:
        >>> rows, found = fill_up(np.array([[7, 8, -1, -1, -1], [-1, -1, -1, -1, -1]]))
        >>> rows.tolist(), found.tolist()
        ([[7, 8, 7, 8, 7], [-1, -1, -1, -1, -1]], [2, 0])
    """
    found = (negatives >= 0).sum(axis=1)
    turn = np.arange(negatives.shape[1]) % np.maximum(found, 1)[:, None]
    return np.take_along_axis(negatives, turn, axis=1), found
