"""What the faiss indexes share: faiss proposes candidates, and they are measured on the descriptors themselves.

Johnson, Douze, Jegou, Billion-scale similarity search with GPUs, IEEE Transactions on Big Data 2019.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch  # noqa: F401  before faiss, or two OpenMP libraries may meet

from geoloc.errors import InputError
from geoloc.index import files
from geoloc.index.exact import Exact
from geoloc.index.ranking import SPARE, level, rank
from geoloc.mapped import forget
from geoloc.predictions import Predictions

log = logging.getLogger(__name__)

BLOCK = 8192  # database rows handed to faiss at once
QUERIES = 1024


class FaissIndex(ABC):
    """Settings of a faiss index. A subclass says what is built, and what of it goes into a file.

    Attributes:
        name: Of its yaml.
        approximate: Rows that are nearer may be missing.
    """

    name: ClassVar[str]
    approximate: ClassVar[bool]

    @abstractmethod
    def build(self, database: np.ndarray) -> Any:
        """The faiss index of (N, D) float descriptors; None if there are so few that all are measured."""

    def settings(self) -> dict[str, int | None]:
        """Settings that the building depends on. Those of the search may change between save and load."""
        return {}

    def depth(self, k: int) -> int:
        """Candidates of a query that are measured."""
        return k + SPARE

    def pack(self, built: Any) -> np.ndarray:
        """(n,) uint8, what a file keeps."""
        return np.asarray(self.faiss().serialize_index(built))

    def unpack(self, content: np.ndarray, database: np.ndarray) -> Any:
        """The reverse of `pack`."""
        return self.faiss().deserialize_index(content)

    def memory(self, size: int, dim: int) -> int:
        """Bytes that the index of N descriptors of D values takes: here, all of them once more."""
        return 4 * size * dim

    def fit(self, database: np.ndarray) -> FittedFaiss:
        """Build the index of (N, D) float descriptors; see `Index.fit`."""
        return FittedFaiss(self, database, self.build(database) if len(database) else None)

    def load(self, path: Path, model: str, database: np.ndarray) -> FittedFaiss:
        """See `Index.load`."""
        content = files.read(path, files.stamp(self.name, self.settings(), model, database))
        if not len(content):
            return self.fit(database)
        try:
            return FittedFaiss(self, database, self.unpack(content, database))
        except RuntimeError:
            raise InputError(f"{path}: this version of faiss cannot read it; delete it to build it anew") from None

    def search(self, database: np.ndarray, queries: np.ndarray, k: int) -> Predictions:
        """See `Index.search`."""
        return self.fit(database).search(queries, k)

    def check_installed(self) -> None:
        """Refuse to start without faiss with an InputError."""
        self.faiss()

    def faiss(self) -> Any:
        """The faiss module.

        Raises:
            InputError: It is not installed.
        """
        try:
            import faiss
        except ImportError:
            raise InputError(f"index={self.name}: needs faiss; pip install faiss-cpu, or index=exact") from None
        return faiss

    def flat(self, database: np.ndarray) -> Any:
        """A faiss index that holds all of (N, D) float descriptors as float32."""
        return add_all(self.faiss().IndexFlatL2(database.shape[1]), database)


class FittedFaiss:
    """See `Fitted`.

    Attributes:
        completed: Queries for which faiss found fewer than k rows, and which were searched exactly, so far.
    """

    def __init__(self, index: FaissIndex, database: np.ndarray, built: Any) -> None:
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

    def save(self, path: Path, model: str) -> None:
        """See `Fitted.save`."""
        content = np.empty(0, np.uint8) if self.built is None else self.index.pack(self.built)
        files.write(path, files.stamp(self.index.name, self.index.settings(), model, self.database), content)


def add_all(built: Any, database: np.ndarray) -> Any:
    """The faiss index with all of (N, D) float descriptors added."""
    for start in range(0, len(database), BLOCK):
        built.add(np.ascontiguousarray(database[start : start + BLOCK], np.float32))
        forget(database)
    return built
