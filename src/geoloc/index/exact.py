"""Exact nearest neighbours in torch, in blocks of the database. The default: as fast as a flat faiss index."""

from __future__ import annotations

import numpy as np
import torch

from geoloc.predictions import Predictions

# Candidates beyond k that are measured again: products of large matrices round differently with the block size, and
# near ties at the border must not depend on it.
SPARE = 16


class Exact:
    """L2 search over all database descriptors.

    Args:
        block: Database rows handled at once.
    """

    def __init__(self, block: int = 8192) -> None:
        if block < 1:
            raise ValueError(f"block must be at least 1, not {block}")
        self.block = block

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
            ids[rows], distances[rows] = self._search(database, np.asarray(queries[rows], np.float32), k)
        return Predictions(ids, distances, len(database))

    def _search(self, database: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        wanted = min(k + SPARE, len(database))
        best = torch.empty((len(queries), 0))
        best_ids = torch.empty((len(queries), 0), dtype=torch.int64)
        q = torch.from_numpy(queries)
        for start in range(0, len(database), self.block):
            x = torch.from_numpy(np.array(database[start : start + self.block], np.float32))
            distance = x.square().sum(dim=1) - 2 * (q @ x.T)  # squared L2 less the query's own norm
            best = torch.cat([best, distance], dim=1)
            best_ids = torch.cat([best_ids, torch.arange(start, start + len(x)).expand(len(q), -1)], dim=1)
            best, order = best.topk(min(wanted, best.shape[1]), dim=1, largest=False)
            best_ids = best_ids.gather(1, order)
        if wanted < len(database):
            # Where the last candidate is no farther than the k-th, others as near may have been left out.
            level = best[:, -1] - best[:, k - 1] <= 1e-5 * q.square().sum(dim=1).clamp_min(1)
            for rows in level.nonzero().flatten().split(64):
                best_ids[rows] = self._one_by_one(database, q[rows])[:, :wanted]
        candidates = best_ids.sort(dim=1).values.numpy()
        return _rank(database, queries, candidates, k)

    def _one_by_one(self, database: np.ndarray, queries: torch.Tensor) -> torch.Tensor:
        """(Q, N) all rows by distance, equal ones in order of the database, each pair measured for itself."""
        distance = torch.cat(
            [
                torch.cdist(
                    queries,
                    torch.from_numpy(np.array(database[start : start + self.block], np.float32)),
                    compute_mode="donot_use_mm_for_euclid_dist",
                )
                for start in range(0, len(database), self.block)
            ],
            dim=1,
        )
        return distance.argsort(dim=1, stable=True)


def _rank(database: np.ndarray, queries: np.ndarray, candidates: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Order the candidates ((Q, c), ascending rows) by directly measured distance; (Q, k) rows and L2 distances."""
    ids = np.empty((len(queries), k), np.int64)
    distances = np.empty((len(queries), k), np.float32)
    for row, query in enumerate(queries):
        vectors = np.asarray(database[candidates[row]], np.float32)
        measured = np.sqrt(np.square(vectors - query).sum(axis=1))
        order = np.argsort(measured, kind="stable")[:k]
        ids[row], distances[row] = candidates[row][order], measured[order]
    return ids, distances
