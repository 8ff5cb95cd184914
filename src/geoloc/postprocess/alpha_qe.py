"""Alpha query expansion: the query moves towards its best candidates, and the list is ordered anew.

Radenović, Tolias and Chum, Fine-tuning CNN Image Retrieval with No Human Annotation, TPAMI 2019; the plain average is
from Chum, Philbin, Sivic, Isard and Zisserman, Total Recall, ICCV 2007.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from geoloc.postprocess.batches import batches, check_at_least
from geoloc.postprocess.chain import Evidence, Need


class AlphaQE:
    """Order by L2 distance to q + sum_i max(q.x_i, 0)^alpha x_i over the first n candidates, made unit length.

    All vectors are brought to unit length first, so lengths play no part. Equal distances keep the order as it came.
    The papers search the whole database anew; here the candidates found before are ordered anew.

    Args:
        alpha: Power of the similarity; 0 gives each of the n candidates the weight of the query.
        n: Candidates that the query is expanded by; all if there are fewer.
        depth: Candidates that are ordered anew; None for all.

    Raises:
        ValueError: An argument is out of its range.
    """

    needs: ClassVar[tuple[Need, ...]] = ("descriptors",)

    def __init__(self, alpha: float = 3.0, n: int = 3, depth: int | None = None) -> None:
        check_at_least(0, alpha=alpha)
        check_at_least(1, n=n)
        check_at_least(0, depth=depth)
        self.alpha, self.n, self.depth = alpha, n, depth

    def __call__(self, candidates: np.ndarray, distances: np.ndarray, evidence: Evidence) -> np.ndarray:
        """See `Step`."""
        assert evidence.database is not None
        assert evidence.queries is not None
        order = np.empty_like(candidates)
        for rows in batches(len(candidates), 2 * candidates.shape[1] * evidence.database.shape[1]):
            x = _unit(evidence.database[candidates[rows]])  # (b, c, D)
            q = _unit(evidence.queries[rows])  # (b, D)
            first = x[:, : self.n]
            # Sums and no matrix product: equal vectors must give equal numbers wherever they stand in the list.
            similarity = (first * q[:, None]).sum(axis=-1)
            expanded = q + (np.maximum(similarity, 0)[..., None] ** self.alpha * first).sum(axis=1)
            apart = np.square(x - _unit(expanded)[:, None]).sum(axis=-1)
            order[rows] = np.argsort(apart, axis=1, kind="stable")
        return order


def _unit(vectors: np.ndarray) -> np.ndarray:
    """(..., D) float32 of unit length; a vector of zeros stays."""
    vectors = np.asarray(vectors, np.float32)
    length = np.sqrt(np.square(vectors).sum(axis=-1, keepdims=True))
    return vectors / np.maximum(length, np.finfo(np.float32).tiny)
