"""Search the queries of a domain under a view: one descriptor each, or several crops whose candidates are merged."""

from __future__ import annotations

import numpy as np

from geoloc.index.exact import Exact
from geoloc.predictions import Descriptors, Predictions
from geoloc.views.view import Merges, Pools, View

# Queries whose crops are pooled at once: five crops of 32,768 values each take 170 MB then.
BLOCK = 256


def check_view(view: View) -> None:
    """Make sure that something can be done with several crops.

    Raises:
        ValueError: The view neither pools nor merges them.
    """
    if view.count > 1 and not isinstance(view, Pools | Merges):
        raise ValueError(f"views: {type(view).__name__} shows {view.count} crops, but has neither `pool` nor `merge`")


def search(index: Exact, view: View, descriptors: Descriptors, own: np.ndarray, k: int) -> Predictions:
    """Predictions of some queries.

    Args:
        index: Search of the database.
        view: Whose crops were described.
        descriptors: (N + Q * V, D); crop v of query q is in row q * V + v of its queries.
        own: (n,) int64 queries wanted.
        k: Candidates wanted; never more than N are found.
    """
    if isinstance(view, Pools):
        return index.search(descriptors.database, pooled(view, descriptors.queries, own), k)
    rows = crop_rows(own, view.count).ravel()
    every = np.array_equal(rows, np.arange(len(descriptors.queries)))  # then they need not be read into memory
    found = index.search(descriptors.database, descriptors.queries if every else descriptors.queries[rows], k)
    if not isinstance(view, Merges):
        return found
    shape = (len(own), view.count, found.ids.shape[1])
    merged = view.merge(found.ids.reshape(shape), found.distances.reshape(shape), shape[2])
    return Predictions(*merged, found.database_size)


def pooled(view: Pools, crops: np.ndarray, own: np.ndarray) -> np.ndarray:
    """(n, D) float32 descriptors of the queries `own` ((n,) int64) from those of all crops, (Q * V, D)."""
    found = np.empty((len(own), crops.shape[1]), np.float32)
    for start in range(0, len(own), BLOCK):
        queries = own[start : start + BLOCK]
        found[start : start + BLOCK] = view.pool(crops[crop_rows(queries, view.count)])
    return found


def crop_rows(queries: np.ndarray, count: int) -> np.ndarray:
    """Rows of the crops of each query.

    Example:
        >>> crop_rows(np.array([0, 2]), 3).tolist()
        [[0, 1, 2], [6, 7, 8]]
    """
    return queries[:, None] * count + np.arange(count)
