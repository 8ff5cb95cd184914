"""predictions/<domain>.csv as the page needs it: a row a query, and which queries are hard."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Judged:
    """What was found for each query.

    Attributes:
        queries: Relative paths of the Q photos.
        conditions: Of each; empty where it is unknown.
        found: The first predictions of each: relative paths, best first.
        distances: Of their descriptors.
        meters: From the query to each.
        right: Whether each is correct.
        first: (Q,) int64 rank of the first correct prediction, from 1; 0 if none is.
        k: Predictions of each query that were saved.
    """

    queries: list[str]
    conditions: list[str]
    found: list[list[str]]
    distances: list[list[float]]
    meters: list[list[float]]
    right: list[list[bool]]
    first: np.ndarray
    k: int


def read_judged(path: Path, shown: int) -> Judged:
    """Read a table of predictions.

    Args:
        path: Of a file that `write_predictions` has written.
        shown: Predictions of each query to keep.
    """
    judged = Judged([], [], [], [], [], [], np.empty(0, np.int64), 0)
    first, k = [], 0
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        head = next(reader)
        get = itemgetter(*map(head.index, ("database", "distance", "meters", "correct")))
        name = head.index("query")
        condition = head.index("condition") if "condition" in head else None
        for query, lines in groupby(reader, key=itemgetter(name)):
            rows = list(lines)
            found = [get(row) for row in rows]
            judged.queries.append(query)
            judged.conditions.append("" if condition is None else rows[0][condition])
            judged.found.append([each[0] for each in islice(found, shown)])
            judged.distances.append([float(each[1]) for each in islice(found, shown)])
            judged.meters.append([float(each[2]) for each in islice(found, shown)])
            judged.right.append([each[3] == "1" for each in islice(found, shown)])
            first.append(next((rank for rank, each in enumerate(found, 1) if each[3] == "1"), 0))
            k = max(k, len(rows))
    return Judged(**{**judged.__dict__, "first": np.array(first, np.int64), "k": k})


def hits(first: np.ndarray, k: int) -> np.ndarray:
    """(k,) int64 number of queries that are right within the first 1 to k predictions.

    Args:
        first: (Q,) int64, see `Judged`.
        k: Predictions of each query.

    Example:
        >>> hits(np.array([1, 3, 0, 1]), 4).tolist()
        [2, 2, 3, 3]
    """
    return np.cumsum(np.bincount(first, minlength=k + 1)[1 : k + 1])


def hardest_first(first: np.ndarray, meters: np.ndarray, answerable: np.ndarray) -> np.ndarray:
    """(Q,) int64 queries by how late the first correct prediction comes, then by how far off the best one is.

    Those that have no right image at all come last: nothing could have found it.

    Args:
        first: (Q,) int64, see `Judged`.
        meters: (Q,) float64, from each query to its first prediction.
        answerable: (Q,) bool, whether there is a right image.

    Example:
        >>> hardest_first(np.array([1, 0, 0, 5, 0]), np.array([9.0, 50, 80, 70, 999]), np.arange(5) < 4).tolist()
        [2, 1, 3, 0, 4]
    """
    late = np.where(first == 0, np.iinfo(np.int64).max, first)
    return np.lexsort((-meters, -late, ~answerable))
