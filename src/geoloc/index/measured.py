"""An engine proposes candidates, and they are measured on the descriptors themselves: what such indexes share."""

from __future__ import annotations

import logging
from typing import Any, Protocol

import numpy as np

from geoloc.errors import InputError
from geoloc.index.exact import Exact
from geoloc.index.ranking import level, rank
from geoloc.predictions import Predictions

log = logging.getLogger(__name__)

QUERIES = 1024  # handed to the engine at once


class Proposes(Protocol):
    """Settings of an index whose engine proposes candidates."""

    @property
    def name(self) -> str:
        """Of its yaml."""
        ...

    @property
    def approximate(self) -> bool:
        """Rows that are nearer may be missing."""
        ...

    def depth(self, k: int) -> int:
        """Candidates of a query that are measured."""
        ...


class Measured:
    """An engine over the database whose candidates are measured; all of `Fitted` but `save`.

    Args:
        index: Settings.
        database: (N, D) float descriptors.
        built: The engine: search((Q, D) float32, count) -> (Q, count) squared distances in ascending order, and
            (Q, count) int64 rows with -1 where there is none. None: all rows are measured.

    Attributes:
        completed: Queries for which the engine found fewer than k rows, and which were searched exactly, so far.
    """

    def __init__(self, index: Proposes, database: np.ndarray, built: Any) -> None:
        self.index = index
        self.database = database
        self.built = built
        self.completed = 0

    def search(self, queries: np.ndarray, k: int) -> Predictions:
        """The nearest min(k, N) database rows of each of the (Q, D) queries; see `Fitted.search`."""
        if queries.shape[1] != self.database.shape[1]:
            raise InputError(f"queries of dimension {queries.shape[1]} in a database of {self.database.shape[1]}")
        if self.built is None:
            return Exact().search(self.database, queries, k)
        k = min(k, len(self.database))
        before = self.completed
        ids = np.empty((len(queries), k), np.int64)
        distances = np.empty((len(queries), k), np.float32)
        for start in range(0, len(queries), QUERIES):
            rows = slice(start, start + QUERIES)
            ids[rows], distances[rows] = self._search(np.ascontiguousarray(queries[rows], np.float32), k)
        if self.completed > before:
            log.warning(
                "%s found fewer than %d rows for %d of %d queries; those were searched exactly",
                self.index.name,
                k,
                self.completed - before,
                len(queries),
            )
        return Predictions(ids, distances, len(self.database))

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        squared, candidates = self.built.search(queries, min(self.index.depth(k), len(self.database)))
        short = np.flatnonzero((candidates >= 0).sum(axis=1) < k)
        self.completed += len(short)
        if not self.index.approximate and candidates.shape[1] < len(self.database):
            short = np.union1d(short, level(squared, k, queries))
        ids = np.empty((len(queries), k), np.int64)
        distances = np.empty((len(queries), k), np.float32)
        enough = np.setdiff1d(np.arange(len(queries)), short)
        ids[enough], distances[enough] = rank(self.database, queries[enough], candidates[enough], k)
        if len(short):
            exact = Exact().search(self.database, queries[short], k)
            ids[short], distances[short] = exact.ids, exact.distances
        return ids, distances
