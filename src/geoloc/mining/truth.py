"""What mining knows about the train domain: one record a query, filtered once, so that no list can go out of step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geoloc.places import Neighbours


@dataclass(frozen=True)
class Truth:
    """Positives and forbidden negatives of the queries that can be trained on.

    Entry i of every field belongs to the same query.

    Attributes:
        queries: (T,) int64 rows of the usable queries in the train domain, ascending.
        positives: For each usable query its database positives (at most `radius.positive` metres away).
        close: For each usable query the database images that must not be negatives (at most `radius.negative` away).
        database_size: N, number of database images.
        notes: (T,) str, what the data say of each usable query, such as "night_sideways_cph"; empty where nothing.
    """

    queries: np.ndarray
    positives: Neighbours
    close: Neighbours
    database_size: int
    notes: np.ndarray

    def __len__(self) -> int:
        return len(self.queries)


def usable(
    positives: Neighbours, close: Neighbours, database_size: int, notes: np.ndarray | None = None
) -> tuple[Truth, int]:
    """Keep the queries that have a positive.

    Args:
        positives: Of all queries of the domain.
        close: Of all queries of the domain; contains the positives.
        database_size: N.
        notes: (Q,) str of all queries of the domain; None for none.

    Returns:
        The truth of the usable queries, and the number of queries that were dropped.

    Example:
        >>> from geoloc.places import from_lists
        >>> near = from_lists([np.array([3]), np.array([], int), np.array([5])])
        >>> truth, dropped = usable(near, near, 6)
        >>> truth.queries.tolist(), truth.positives.of(1).tolist(), dropped
        ([0, 2], [5], 1)
    """
    kept = np.flatnonzero(positives.counts > 0)
    own = np.full(len(kept), "") if notes is None else notes[kept]
    return Truth(kept, positives.select(kept), close.select(kept), database_size, own), len(positives) - len(kept)
