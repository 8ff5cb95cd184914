"""What mined tuples tell of training: how hard they are, and which negatives may show the query's place after all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geoloc.mining.distances import squared_distances


@dataclass(frozen=True)
class Diagnostics:
    """What is said of one round of mining.

    The hardness of a triplet is d(query, negative) - d(query, positive), d the L2 distance of descriptors: negative
    where the network takes the wrong image for the nearer one. A triplet loss with margin m is above 0 where it is
    below m. Negatives that were repeated for want of others count once.

    Attributes:
        numbers: Name -> value for the log: `tuples`, `without_negatives` and `short_of_negatives` (queries); where all
            negatives have descriptors also `hardness_median`, `suspects` and `suspect_share` (0 to 1).
        hardness: (P,) float64 of each query and negative; empty where negatives have no descriptors.
        suspects: (S, 3) int64 query row, positive, negative of each triplet of hardness below 0, hardest first: beyond
            `radius.negative` by their positions, and yet nearer than the best positive.
    """

    numbers: dict[str, float]
    hardness: np.ndarray
    suspects: np.ndarray


def diagnose(
    tuples: np.ndarray, vectors: np.ndarray, size: int, described: np.ndarray, counts: dict[str, int]
) -> Diagnostics:
    """Look at one round of mining.

    Args:
        tuples: (T, 2 + n) int64: query row, positive's database row, negatives' database rows.
        vectors: (N + Q, D) descriptors: of the database, then of the queries; only rows in use are read.
        size: N.
        described: (M,) int64 database rows that have descriptors.
        counts: See `Mined`.

    Example:
        >>> line = np.array([[0.0], [3.0], [0.5], [1.0]])  # three of the database, and a query at 1
        >>> found = diagnose(np.array([[0, 0, 1, 2]]), line, 3, np.array([0, 1, 2]), {})
        >>> found.hardness.tolist(), found.suspects.tolist()
        ([1.0, -0.5], [[0, 0, 2]])
    """
    numbers = {"tuples": float(len(tuples))}
    numbers |= {key: float(counts.get(key, 0)) for key in ("without_negatives", "short_of_negatives")}
    if len(tuples) == 0 or not np.isin(tuples[:, 2:], described).all():
        return Diagnostics(numbers, np.empty(0), np.empty((0, 3), np.int64))
    queries, images = np.broadcast_arrays(tuples[:, :1], tuples[:, 1:])
    squares = squared_distances(vectors, size + queries.ravel(), vectors, images.ravel())
    distance = np.sqrt(squares.astype(np.float64)).reshape(images.shape)
    negatives = tuples[:, 2:]
    again = np.tril(negatives[:, :, None] == negatives[:, None, :], -1).any(axis=2)
    hardness = (distance[:, 1:] - distance[:, :1])[~again]
    tuple_, place = np.nonzero(~again)
    rows_of = np.column_stack([tuples[tuple_, :2], negatives[tuple_, place]])
    order = np.argsort(hardness, kind="stable")
    suspects = rows_of[order[hardness[order] < 0]]
    numbers["hardness_median"] = float(np.median(hardness))
    numbers["suspects"] = float(len(suspects))
    numbers["suspect_share"] = len(suspects) / len(hardness)
    return Diagnostics(numbers, hardness, suspects)
