"""Recall@N of visual place recognition: a query is right if any of its first N predictions is a positive.

(Information retrieval calls this hit rate; its "recall" is the share of all positives that were found.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest

from geoloc.places import Neighbours
from geoloc.predictions import Scores


def correct(ids: np.ndarray, positives: Neighbours) -> np.ndarray:
    """Which predictions are positives.

    Args:
        ids: (Q, k) int64 database rows.
        positives: Of the same Q queries.

    Returns:
        (Q, k) bool.

    Example:
        >>> from geoloc.places import from_lists
        >>> correct(np.array([[5, 2, 9]]), from_lists([np.array([2, 9])])).tolist()
        [[False, True, True]]
    """
    size = int(max(ids.max(initial=0), positives.rows.max(initial=0))) + 1
    query, row = positives.pairs()
    keys = query * size + row  # ascending, since queries and their rows are
    wanted = np.arange(len(ids))[:, None] * size + ids
    place = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    return keys[place] == wanted if len(keys) else np.zeros(ids.shape, bool)


def hits_at_n(ids: np.ndarray, positives: Neighbours, ns: Sequence[int]) -> np.ndarray:
    """Whether each query is right within its first N predictions.

    Args:
        ids: (Q, k) int64 database rows, best first.
        positives: Of the same Q queries.
        ns: Recall values; one above k counts as k.

    Returns:
        (Q, len(ns)) bool.

    Example:
        >>> from geoloc.places import from_lists
        >>> hits_at_n(np.array([[5, 2, 9]]), from_lists([np.array([2, 9])]), [1, 2, 20]).tolist()
        [[False, True, True]]
    """
    first = np.logical_or.accumulate(correct(ids, positives), axis=1)
    return first[:, np.minimum(ns, ids.shape[1]) - 1]


def score(
    right: Sequence[int], queries: int, answerable: int, ns: Sequence[int], database: int, radius: float
) -> Scores:
    """Turn counts into recalls.

    Args:
        right: Number of queries that are right within N, for each of `ns`.
        queries: Number of queries.
        answerable: Number of queries that have a positive.
        ns: Recall values.
        database: Number of database images.
        radius: Metres.

    Example:
        >>> scores = score([2], queries=3, answerable=2, ns=[1], database=9, radius=25)
        >>> round(scores.recalls[1], 1), scores.recalls_answerable[1]
        (66.7, 100.0)
    """
    counts = dict(zip(ns, map(int, right), strict=True))
    return Scores(
        recalls={n: 100 * count / queries for n, count in counts.items()},
        recalls_answerable={n: 100 * count / answerable if answerable else None for n, count in counts.items()},
        ci95={n: wilson(count, queries) for n, count in counts.items()},
        queries=queries,
        answerable=answerable,
        database=database,
        radius_m=radius,
    )


def wilson(right: int, queries: int) -> tuple[float, float]:
    """95 % Wilson score interval of a share, in percent."""
    low, high = binomtest(right, queries).proportion_ci(0.95, method="wilson")
    return 100 * float(low), 100 * float(high)
