"""Predictions as a run's folder tells them, without its photos: who was found for whom, how far away, and if right."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from geoloc.errors import InputError

COLUMNS = ("query", "rank", "database", "distance", "meters", "correct")


@dataclass(frozen=True)
class Ranked:
    """Ranked database images of each query, in the order of the file.

    Attributes:
        queries: (Q,) str, paths relative to the folder of queries.
        database: (Q, k) str, paths relative to the folder of the database, best first.
        distances: (Q, k) float64 L2 distances of the descriptors.
        meters: (Q, k) float64, from the query to each.
        correct: (Q, k) bool.
    """

    queries: np.ndarray
    database: np.ndarray
    distances: np.ndarray
    meters: np.ndarray
    correct: np.ndarray

    def right_at(self) -> np.ndarray:
        """(k,) int64 number of queries that are right within their first 1, 2, ... k predictions."""
        return np.logical_or.accumulate(self.correct, axis=1).sum(axis=0)


def read_ranked(path: Path) -> Ranked:
    """Read predictions/<domain>.csv or <domain>.raw.csv of a run.

    Args:
        path: Of the file.

    Raises:
        InputError: It is missing or another one, or queries have not equally many predictions in the order of ranks.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; a run that has judged {path.stem} holds it")
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if not set(COLUMNS) <= set(reader.fieldnames or ()):
            raise InputError(f"{path}: has no columns {', '.join(COLUMNS)}")
        blocks = [list(rows) for _, rows in groupby(reader, key=lambda row: row["query"])]
    ranks = [str(rank) for rank in range(1, len(blocks[0]) + 1)] if blocks else []
    odd = next((block for block in blocks if [row["rank"] for row in block] != ranks), None)
    if not blocks or odd is not None:
        why = f"query {odd[0]['query']} has not the {len(ranks)} predictions of the first one" if odd else "is empty"
        raise InputError(f"{path}: {why}; all must have equally many, ranked from 1")

    def column(name: str) -> np.ndarray:
        return np.array([[row[name] for row in block] for block in blocks])

    try:
        distances, meters = column("distance").astype(np.float64), column("meters").astype(np.float64)
    except ValueError as error:
        raise InputError(f"{path}: a distance is no number ({error})") from None
    queries = np.array([block[0]["query"] for block in blocks])
    return Ranked(queries, column("database"), distances, meters, column("correct") == "1")
