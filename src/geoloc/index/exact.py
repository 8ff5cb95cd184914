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


class Exact:
    """L2 search over all database descriptors.

    Args:
        block: Database rows handled at once.
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
        """Bytes that searching N descriptors of D values takes: a block of them, 1024 queries, and their distances."""
        block = min(self.block, size)
        return 4 * (block * dim + 1024 * dim + 1024 * block)

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
        for start in range(0, len(queries), 1024):
            rows = slice(start, start + 1024)
            # Copied, since torch warns of memory that is read-only, as that of a run's descriptors is.
            ids[rows], distances[rows] = self._search(database, np.array(queries[rows], np.float32), k)
        return Predictions(ids, distances, len(database))

    def _search(self, database: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        wanted = min(k + SPARE, len(database))
        best = torch.empty((len(queries), 0))
        best_ids = torch.empty((len(queries), 0), dtype=torch.int64)
        q = torch.from_numpy(queries)
        for start in range(0, len(database), self.block):
            x = self._block(database, start)
            distance = torch.addmm(x.square().sum(dim=1), q, x.T, alpha=-2)  # squared L2 less the query's own norm
            near, rows = distance.topk(min(wanted, len(x)), dim=1, largest=False)
            best, order = torch.cat([best, near], dim=1).sort(dim=1)
            best_ids = torch.cat([best_ids, rows + start], dim=1).gather(1, order)[:, :wanted]
            best = best[:, :wanted]
            forget(database)
        if wanted < len(database):
            for few in torch.from_numpy(level(best.numpy(), k, queries)).split(64):
                best_ids[few] = self._one_by_one(database, q[few])[:, :wanted]
        return rank(database, queries, best_ids.numpy(), k)

    def _block(self, database: np.ndarray, start: int) -> torch.Tensor:
        """(B, D) float32 rows; a copy only where the type asks for one, or torch would warn of read-only memory."""
        rows = np.asarray(database[start : start + self.block])
        return torch.from_numpy(rows if rows.flags.writeable else rows.copy()).float()  # in torch, on all cores

    def _one_by_one(self, database: np.ndarray, queries: torch.Tensor) -> torch.Tensor:
        """(Q, N) all rows by distance, equal ones in order of the database, each pair measured for itself."""
        distance = torch.cat(
            [
                torch.cdist(queries, self._block(database, start), compute_mode="donot_use_mm_for_euclid_dist")
                for start in range(0, len(database), self.block)
            ],
            dim=1,
        )
        return distance.argsort(dim=1, stable=True)


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
