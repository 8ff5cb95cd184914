"""Images that are among each other's nearest neighbours back each other.

Zhong, Zheng, Cao and Li, Re-ranking Person Re-identification with k-reciprocal Encoding, CVPR 2017.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from geoloc.postprocess.batches import batches, check_at_least, check_share
from geoloc.postprocess.chain import Evidence, Need

DIGITS = 9  # distances in 0..1 that agree so far are equal, as those of equal images are but for rounding


class KReciprocal:
    """Order by (1 - weight) Jaccard distance + weight * d, smallest first; equal values keep the order as it came.

    The set is the query with its own c candidates. d is the squared L2 distance of two images by the largest of the
    set, so it lies in 0..1 as the Jaccard distance does.

    - N(p, k): p and the k images nearest to it, with all that are as near as the last of them, so that equal images
      fare equally. R(p, k): those g of N(p, k) that have p in their own N(g, k).
    - R*(p, k1): R(p, k1), and all of R(g, k1 / 2) for each g of R(p, k1) of which R(p, k1) holds two thirds or more.
      Half an image is rounded up.
    - p becomes a vector with exp(-d(p, g)) at each g of R*, 0 elsewhere, and then the mean of the vectors of the k2
      images nearest to it, itself the first of them.
    - Jaccard distance of two vectors: 1 - (sum of the smaller values) / (sum of the larger ones).

    Args:
        k1: Neighbours that count; at most c.
        k2: Vectors that are averaged; 1 for none but its own, at most c.
        weight: Lambda in the paper, the share of d in 0..1.
        depth: Candidates that are ordered anew; None for all.

    Raises:
        ValueError: An argument is out of its range.
    """

    needs: ClassVar[tuple[Need, ...]] = ("descriptors",)

    def __init__(self, k1: int = 20, k2: int = 6, weight: float = 0.3, depth: int | None = 100) -> None:
        check_at_least(1, k1=k1, k2=k2)
        check_at_least(0, depth=depth)
        check_share(weight=weight)
        self.k1, self.k2, self.weight, self.depth = k1, k2, weight, depth

    def __call__(self, candidates: np.ndarray, distances: np.ndarray, evidence: Evidence) -> np.ndarray:
        """See `Step`."""
        assert evidence.database is not None
        assert evidence.queries is not None
        order = np.empty_like(candidates)
        images = candidates.shape[1] + 1
        for rows in batches(len(candidates), images * (evidence.database.shape[1] + 8 * images)):
            vectors = np.concatenate(
                [evidence.queries[rows][:, None], evidence.database[candidates[rows]]], axis=1, dtype=np.float64
            )
            apart = _distances(vectors)
            jaccard = _jaccard(self._encode(apart))
            mixed = (1 - self.weight) * jaccard + self.weight * apart[:, 0, 1:]
            order[rows] = np.argsort(mixed.round(DIGITS), axis=1, kind="stable")
        return order

    def _encode(self, apart: np.ndarray) -> np.ndarray:
        """(b, m, m) distances -> (b, m, m): a vector for each image, image 0 being the query."""
        candidates = apart.shape[1] - 1
        k1, k2 = min(self.k1, candidates), min(self.k2, candidates)
        ordered = np.sort(apart, axis=2)  # the first value of each is 0, its distance to itself
        whole, half = (_reciprocal(apart <= ordered[:, :, k, None]) for k in (k1, (k1 + 1) // 2))
        # float32 for fast products; counts up to 16 million are exact in it.
        shared = whole.astype(np.float32) @ half.astype(np.float32).swapaxes(1, 2)
        joins = whole & (3 * shared >= 2 * half.sum(axis=2)[:, None])
        expanded = whole | (joins.astype(np.float32) @ half.astype(np.float32) > 0)
        averaged = apart <= ordered[:, :, k2 - 1, None]
        return averaged / averaged.sum(axis=2, keepdims=True) @ np.where(expanded, np.exp(-apart), 0)


def _distances(vectors: np.ndarray) -> np.ndarray:
    """Squared L2 distances of (b, m, D) float64 by the largest of each set: (b, m, m)."""
    squares = np.square(vectors).sum(axis=2)
    apart = squares[:, :, None] + squares[:, None] - 2 * vectors @ vectors.swapaxes(1, 2)
    largest = apart.max(axis=(1, 2), keepdims=True)
    # Where all images are equal, what is left is rounding, and goes to 0.
    scale = np.where(largest > 1e-12 * squares.max(axis=1)[:, None, None], largest, np.inf)
    return np.maximum(apart / scale, 0).round(DIGITS)


def _reciprocal(near: np.ndarray) -> np.ndarray:
    """N(p, k) -> R(p, k), both (b, m, m) bool."""
    return near & near.swapaxes(1, 2)


def _jaccard(encoded: np.ndarray) -> np.ndarray:
    """(b, c) Jaccard distances of image 0 to the others."""
    query, others = encoded[:, :1], encoded[:, 1:]
    return 1 - np.minimum(query, others).sum(axis=2) / np.maximum(query, others).sum(axis=2)
