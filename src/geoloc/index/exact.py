"""Exact nearest neighbours in torch, in blocks of the database. The default: as fast as a flat faiss index."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from geoloc.index import files
from geoloc.index.ranking import SPARE, level, rank
from geoloc.mapped import forget
from geoloc.predictions import Predictions

AT_ONCE = 2**27  # bytes of float32 database rows that are handled at once, at most
QUERIES = 1024  # and queries


class Exact:
    """L2 search over all database descriptors.

    Args:
        block: Database rows handled at once, at most: of long descriptors so many as make 128 MB.
    """

    name: ClassVar[str] = "exact"
    approximate: ClassVar[bool] = False

    def __init__(self, block: int = 8192) -> None:
        if block < 1:
            raise ValueError(f"block must be at least 1, not {block}")
        self.block = block

    def fit(self, database: np.ndarray) -> FittedExact:
        """Nothing is built: the (N, D) float descriptors are the index."""
        return FittedExact(self, database)

    def load(self, path: Path, model: str, database: np.ndarray) -> FittedExact:
        """See `Index.load`; the file says no more than what the database is."""
        files.read(path, files.stamp(self.name, {}, model, database))
        return self.fit(database)

    def memory(self, size: int, dim: int) -> int:
        """Bytes that searching N descriptors of D values takes.

        A block of them as they are read and once more in float32, 1024 queries, and their distances.
        """
        block = min(self._rows(dim), size)
        return 4 * (2 * block * dim + QUERIES * dim + QUERIES * block)

    def search(self, database: np.ndarray, queries: np.ndarray, k: int) -> Predictions:
        """The min(k, N) nearest database rows of each query; ties in order of the database.

        Args:
            database: (N, D) float descriptors.
            queries: (Q, D) float descriptors.
            k: Neighbours wanted.
        """
        k = min(k, len(database))
        ids = np.empty((len(queries), k), np.int64)
        distances = np.empty((len(queries), k), np.float32)
        for start in range(0, len(queries), QUERIES):
            rows = slice(start, start + QUERIES)
            # Copied, since torch warns of memory that is read-only, as that of a run's descriptors is.
            ids[rows], distances[rows] = self._search(database, np.array(queries[rows], np.float32), k)
        return Predictions(ids, distances, len(database))

    def _search(self, database: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        wanted = min(k + SPARE, len(database))
        best = torch.empty((len(queries), 0))
        best_ids = torch.empty((len(queries), 0), dtype=torch.int64)
        q = torch.from_numpy(queries)
        for start in range(0, len(database), self._rows(database.shape[1])):
            near, rows = _nearest(self._block(database, start), q, wanted)
            best, order = torch.cat([best, near], dim=1).sort(dim=1)
            best_ids = torch.cat([best_ids, rows + start], dim=1).gather(1, order)[:, :wanted]
            best = best[:, :wanted]
            forget(database)
        if wanted < len(database):
            unsure = level(best.numpy(), k, queries)
            for start in range(0, len(unsure), 64):
                few = torch.from_numpy(unsure[start : start + 64])
                best_ids[few] = self._one_by_one(database, q[few])[:, :wanted]
        return rank(database, queries, best_ids.numpy(), k)

    def _rows(self, dim: int) -> int:
        """Rows of a block of descriptors of D values."""
        return min(self.block, max(1, AT_ONCE // (4 * max(dim, 1))))

    def _block(self, database: np.ndarray, start: int) -> torch.Tensor:
        """(B, D) float32 rows; a copy only where the type asks for one, or torch would warn of read-only memory."""
        rows = np.asarray(database[start : start + self._rows(database.shape[1])])
        return torch.from_numpy(rows if rows.flags.writeable else rows.copy()).float()  # in torch, on all cores

    def _one_by_one(self, database: np.ndarray, queries: torch.Tensor) -> torch.Tensor:
        """(Q, N) all rows by distance, equal ones in order of the database, each pair measured for itself."""
        distances = []
        for start in range(0, len(database), self._rows(database.shape[1])):
            block = self._block(database, start)
            distances.append(torch.cdist(queries, block, compute_mode="donot_use_mm_for_euclid_dist"))
            forget(database)
        return torch.cat(distances, dim=1).argsort(dim=1, stable=True)


def _nearest(x: torch.Tensor, queries: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(Q, min(count, B)) squared L2, less the query's own, and rows of those of (B, D) that are nearest to (Q, D)."""
    norms = torch.linalg.vector_norm(x, dim=1).square()  # the squares of all values would be a second block
    found = torch.addmm(norms, queries, x.T, alpha=-2).topk(min(count, len(x)), dim=1, largest=False)
    return found.values, found.indices


@dataclass(frozen=True)
class FittedExact:
    """See `Fitted`."""

    index: Exact
    database: np.ndarray

    def search(self, queries: np.ndarray, k: int) -> Predictions:
        """The min(k, N) nearest database rows of each of the (Q, D) queries; ties in order of the database."""
        return self.index.search(self.database, queries, k)

    def save(self, path: Path, model: str) -> None:
        """See `Fitted.save`."""
        files.write(path, files.stamp(self.index.name, {}, model, self.database), np.empty(0, np.uint8))
