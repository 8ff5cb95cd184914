"""The two choices that all miners share: the best positive and the hardest negatives, in batches of queries."""

from __future__ import annotations

import numpy as np

from geoloc.mining.distances import squared_distances
from geoloc.places import Neighbours

# Bytes of a block: of the distances of some queries to the whole pool, and of descriptors that are gathered at once.
DISTANCES, GATHERED = 2**26, 2**24


def best_positives(queries: np.ndarray, database: np.ndarray, positives: Neighbours) -> np.ndarray:
    """The positive nearest in descriptor space; of equal ones the first.

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
    query, row = positives.pairs()
    first = positives.starts[:-1]
    distance = np.full((len(queries), int(positives.counts.max(initial=0))), np.inf, np.float32)
    distance[query, np.arange(len(row)) - first[query]] = squared_distances(queries, query, database, row)
    return row[first + distance.argmin(axis=1)]


def hardest_negatives(
    queries: np.ndarray,
    database: np.ndarray,
    pool: np.ndarray,
    close: Neighbours,
    count: int,
    only: np.ndarray | None = None,
) -> np.ndarray:
    """The `count` images of a shared pool that are nearest in descriptor space and not close in metres.

    Args:
        queries: (S, D) float32 descriptors of the sampled queries.
        database: (N, D) float32 descriptors; only the rows of `pool` are read.
        pool: (P,) int64 database rows, ascending.
        close: For each sampled query the database rows that must not be chosen.
        count: Negatives wanted.
        only: (S, W) int64 places in `pool` that each query may choose from, none twice, -1 for none; None for the
            whole pool.

    Returns:
        (S, count) int64 database rows, nearest first. A query with fewer than `count` valid ones has -1 in the rest.
    """
    chosen = np.full((len(queries), count), -1, np.int64)
    step = max(1, DISTANCES // (4 * len(pool)))
    for start in range(0, len(queries), step):
        block = slice(start, start + step)
        distance = _distances(queries[block], database, pool)
        distance[_places(close.select(np.arange(len(queries))[block]), pool)] = np.inf
        places = np.broadcast_to(np.arange(len(pool)), distance.shape)
        if only is not None:
            places = only[block]
            distance = np.where(places < 0, np.float32(np.inf), np.take_along_axis(distance, places, axis=1))
        found = _smallest(distance, count)
        rows = np.where(found < 0, -1, pool[np.take_along_axis(places, found, axis=1)])
        chosen[block, : rows.shape[1]] = rows
    return chosen


def _distances(queries: np.ndarray, database: np.ndarray, pool: np.ndarray) -> np.ndarray:
    """(B, P) float32 squared L2 distance less the query's own norm, which does not change a row's order."""
    found = np.empty((len(queries), len(pool)), np.float32)
    step = max(1, GATHERED // (4 * database.shape[1]))
    buffer = np.empty((min(step, len(pool)), database.shape[1]), np.float32)
    for start in range(0, len(pool), step):
        block = slice(start, start + step)
        vectors = _rows(database, pool[block], buffer)
        part = found[:, block]
        np.matmul(queries, vectors.T, out=part)
        part *= -2
        part += np.matmul(vectors[:, None], vectors[:, :, None])[:, 0, 0]  # squared lengths
    return found


def _rows(database: np.ndarray, rows: np.ndarray, buffer: np.ndarray) -> np.ndarray:
    """The descriptors of ascending rows: a part of the database where they lie side by side, else in the buffer."""
    if rows[-1] - rows[0] == len(rows) - 1:
        return database[rows[0] : rows[-1] + 1]
    return np.take(database, rows, axis=0, out=buffer[: len(rows)], mode="clip")  # "raise" would make a copy first


def _places(near: Neighbours, pool: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(M,) query and (M,) place in the ascending pool of each neighbour that is there."""
    query, row = near.pairs()
    place = np.minimum(np.searchsorted(pool, row), len(pool) - 1)
    inside = pool[place] == row
    return query[inside], place[inside]


def _smallest(distance: np.ndarray, count: int) -> np.ndarray:
    """(B, min(count, W)) columns of the smallest finite distances, nearest first; -1 where there are no more."""
    wanted = min(count, distance.shape[1])
    nearest = np.sort(np.argpartition(distance, wanted - 1, axis=1)[:, :wanted], axis=1)
    values = np.take_along_axis(distance, nearest, axis=1)
    order = np.argsort(values, axis=1, kind="stable")
    nearest, values = np.take_along_axis(nearest, order, axis=1), np.take_along_axis(values, order, axis=1)
    return np.where(np.isfinite(values), nearest, -1)


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
