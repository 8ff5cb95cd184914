"""Candidates of several crops as one list; all queries at once."""

from __future__ import annotations

import numpy as np


def merged(ids: np.ndarray, keys: np.ndarray, distances: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k candidates with the smallest keys, each once, at its smallest distance.

    Equal keys are ordered by their rank in the crop's own list, and then by the crop's number. There always are k,
    since each crop alone has that many.

    Args:
        ids: (Q, V, c) int64 database rows, no row twice for a crop.
        keys: (Q, V, c) float, what the hits are ordered by.
        distances: (Q, V, c) float, what is returned.
        k: Candidates wanted, at most c.

    Returns:
        (Q, k) rows and (Q, k) distances.

    Example:
        >>> ids, distances = np.array([[[7, 3], [3, 9]]]), np.array([[[0.2, 0.5], [0.1, 0.5]]])
        >>> [part.tolist() for part in merged(ids, distances, distances, 2)]
        [[[3, 7]], [[0.1, 0.2]]]
    """
    flat = (len(ids), ids.shape[1] * ids.shape[2])
    # By rank and then by crop, the order that a stable sort leaves equal keys in.
    ids, keys, distances = (part.transpose(0, 2, 1).reshape(flat) for part in (ids, keys, distances))
    order = np.argsort(keys, axis=1, kind="stable")
    ids, distances = np.take_along_axis(ids, order, axis=1), np.take_along_axis(distances, order, axis=1)
    if not ids.size:
        return ids[:, :k], distances[:, :k]
    hits, starts = _together(ids)
    smallest = np.minimum.reduceat(np.take_along_axis(distances, hits, axis=1).ravel(), np.flatnonzero(starts))
    first = np.zeros(ids.shape, bool)
    np.put_along_axis(first, hits, starts, axis=1)
    nearest = np.empty_like(distances)
    np.put_along_axis(nearest, hits, smallest[_numbers(starts)], axis=1)
    kept = np.argsort(~first, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(ids, kept, axis=1), np.take_along_axis(nearest, kept, axis=1)


def occurrences(ids: np.ndarray) -> np.ndarray:
    """How often each entry occurs in its row: (Q, m) int64 -> (Q, m) int64.

    Example:
        >>> occurrences(np.array([[5, 2, 5], [2, 2, 2]])).tolist()
        [[2, 1, 2], [3, 3, 3]]
    """
    hits, starts = _together(ids)
    numbers = _numbers(starts)
    counts = np.empty_like(ids)
    np.put_along_axis(counts, hits, np.bincount(numbers.ravel())[numbers] if ids.size else ids, axis=1)
    return counts


def _together(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns of (Q, m) ids that bring equal ones of a row together, in order, and where each group starts."""
    hits = np.argsort(ids, axis=1, kind="stable")
    grouped = np.take_along_axis(ids, hits, axis=1)
    starts = np.ones(ids.shape, bool)
    starts[:, 1:] = grouped[:, 1:] != grouped[:, :-1]
    return hits, starts


def _numbers(starts: np.ndarray) -> np.ndarray:
    """(Q, m) number of the group of each entry, counted through all rows from 0; each row starts a group."""
    return (np.cumsum(starts.ravel()) - 1).reshape(starts.shape)
