"""Recall in slices: of the queries of each condition alone, such as by day and by night."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from geoloc.evaluate.recall import score
from geoloc.places import UNKNOWN
from geoloc.predictions import Scores


def score_slices(
    hits: np.ndarray, answerable: np.ndarray, conditions: np.ndarray, ns: Sequence[int], database: int, radius: float
) -> dict[str, Scores]:
    """Scores of each condition's queries, against the same database.

    Args:
        hits: (Q, len(ns)) bool, right within N.
        answerable: (Q,) bool, whether a query has a positive.
        conditions: (Q,) str, empty where unknown.
        ns: Recall values.
        database: Number of database images.
        radius: Metres.

    Returns:
        Condition -> scores in alphabetical order, "unknown" last; empty if all queries are in one slice, whose scores
        would be those of the domain.

    Example:
        >>> hits, yes = np.array([[True], [False], [True]]), np.array([True, True, True])
        >>> slices = score_slices(hits, yes, np.array(["night", "night", ""]), [1], database=9, radius=25)
        >>> {name: (each.recalls[1], each.queries) for name, each in slices.items()}
        {'night': (50.0, 2), 'unknown': (100.0, 1)}
    """
    found = sorted(set(conditions.tolist()), key=lambda condition: (not condition, condition))
    if len(found) < 2:
        return {}
    slices = {}
    for condition in found:
        own = conditions == condition
        right = hits[own].sum(axis=0).tolist()
        slices[condition or UNKNOWN] = score(right, int(own.sum()), int(answerable[own].sum()), ns, database, radius)
    return slices
