"""Candidates that lie close together on the map come first; groups by agglomerative clustering.

Lance and Williams, A General Theory of Classificatory Sorting Strategies, The Computer Journal 9, 1967, on the positions
of the candidates of each query, for all queries at once.
"""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

import numpy as np

from geoloc.postprocess import orders
from geoloc.postprocess.chain import Evidence, Need
from geoloc.postprocess.geo_pairs import blocks, pair_distances

Linkage = Literal["complete", "average", "single"]


class GeoAgglomerative:
    """Orders the candidates by clusters of their positions: the two nearest clusters are merged, again and again.

    Args:
        n_clusters: Stop at so many clusters; a query with fewer candidates has one cluster for each. None: see
            distance.
        distance: Metres; stop when no two clusters are at most so far apart. None: see n_clusters.
        linkage: How far two clusters are apart: complete is the largest distance between their members, average the
            mean, single the smallest.
        order: How groups become a list, see `orders`.
        depth: It orders the first so many candidates anew. None: all.
        compat: As the code of the reference system does: the order size_distance takes the clusters as they first
            appear, whatever their size.

    Raises:
        ValueError: Not exactly one of n_clusters and distance is given, or one of the values makes no sense.
    """

    needs: ClassVar[tuple[Need, ...]] = ()

    def __init__(
        self,
        n_clusters: int | None = 5,
        distance: float | None = None,
        linkage: Linkage = "complete",
        order: orders.Order = "size",
        depth: int | None = 20,
        compat: bool = False,
    ) -> None:
        if (n_clusters is None) == (distance is None):
            raise ValueError("geo_agglomerative: give n_clusters or distance and set the other to null")
        if n_clusters is not None and n_clusters < 1:
            raise ValueError(f"geo_agglomerative.n_clusters: must be at least 1, not {n_clusters}")
        if distance is not None and not 0 < distance < np.inf:
            raise ValueError(f"geo_agglomerative.distance: must be a number of metres above 0, not {distance}")
        if linkage not in get_args(Linkage):
            raise ValueError(f"geo_agglomerative.linkage: must be {', '.join(get_args(Linkage))}, not {linkage!r}")
        orders.check("geo_agglomerative", order, depth)
        self.n_clusters = n_clusters
        self.distance = distance
        self.linkage = linkage
        self.order = order
        self.depth = depth
        self.compat = compat

    def __call__(self, candidates: np.ndarray, distances: np.ndarray, evidence: Evidence) -> np.ndarray:
        """Order the candidates, see `chain.Step`."""
        labels = np.empty(candidates.shape, np.int64)
        for rows in blocks(*candidates.shape, pairs=1 << 21):  # 16 MiB: each merge has a price, whatever the block
            apart = pair_distances(evidence.xy[candidates[rows]])
            labels[rows] = agglomerate(apart, self.n_clusters or 1, self.distance or np.inf, self.linkage)
        by_size = not (self.compat and self.order == "size_distance")
        return orders.disjoint(labels, distances, self.order, by_size)


def agglomerate(apart: np.ndarray, n_clusters: int, limit: float, linkage: Linkage) -> np.ndarray:
    """Merge the two nearest clusters until `n_clusters` are left or no two are at most `limit` apart.

    Of pairs that are equally near the one with the best-ranked cluster is merged, and of these the one whose other
    cluster is better ranked. A cluster is as well ranked as its first point.

    Args:
        apart: (Q, c, c) float64 metres between points, symmetric, c at least 1; overwritten.
        n_clusters: Clusters wanted of each query.
        limit: Metres.
        linkage: Distance between clusters.

    Returns:
        (Q, c) int64, the column of the cluster's first point.
    """
    clusters = _Clusters(apart, linkage)
    for _ in range(apart.shape[1] - n_clusters):
        near = clusters.within(limit)
        if not len(near):
            break
        clusters.merge(near)
    return clusters.labels


class _Clusters:
    """Clusters of all queries while they are merged; each is known by the column of its first point.

    Attributes:
        labels: (Q, c) int64 cluster of each point.
        sizes: (Q, c) float64 points of each cluster.
        apart: (Q, c, c) float64 metres between clusters; infinite to itself and to one that is gone.
        nearest: (Q, c) int64 the first of the nearest clusters of each cluster.
        gap: (Q, c) float64 metres to it; infinite for a cluster that is gone.
    """

    def __init__(self, apart: np.ndarray, linkage: Linkage) -> None:
        queries, c, _ = apart.shape
        apart[:, np.arange(c), np.arange(c)] = np.inf
        self.linkage = linkage
        self.labels = np.tile(np.arange(c), (queries, 1))
        self.sizes = np.ones((queries, c))
        self.apart = apart
        self.nearest = apart.argmin(axis=2)
        self.gap = apart.min(axis=2)

    def within(self, limit: float) -> np.ndarray:
        """(n,) int64 queries of which two clusters are at most so far apart."""
        return np.flatnonzero(self.gap.min(axis=1) <= limit)

    def merge(self, queries: np.ndarray) -> None:
        """Merge the two nearest clusters of each of these queries ((n,) int64)."""
        a = self.gap[queries].argmin(axis=1)  # the first of equals, so the other one comes after it
        b = self.nearest[queries, a]
        each = np.arange(len(queries))
        merged = self._merged(queries, a, b)
        merged[each, a] = merged[each, b] = np.inf
        self.apart[queries, a] = self.apart[queries, :, a] = merged
        self.apart[queries, :, b] = np.inf
        self.sizes[queries, a] += self.sizes[queries, b]
        labels = self.labels[queries]
        self.labels[queries] = np.where(labels == b[:, None], a[:, None], labels)
        self._update_nearest(queries, a[:, None], b[:, None], merged)
        self.nearest[queries, a] = merged.argmin(axis=1)
        self.gap[queries, a] = merged.min(axis=1)
        self.gap[queries, b] = np.inf

    def _merged(self, queries: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """(n, c) metres from a and b together."""
        to_a, to_b = self.apart[queries, a], self.apart[queries, b]
        if self.linkage == "complete":
            return np.maximum(to_a, to_b)
        if self.linkage == "single":
            return np.minimum(to_a, to_b)
        size_a, size_b = self.sizes[queries, a, None], self.sizes[queries, b, None]
        return (size_a * to_a + size_b * to_b) / (size_a + size_b)

    def _update_nearest(self, queries: np.ndarray, a: np.ndarray, b: np.ndarray, merged: np.ndarray) -> None:
        """Find the nearest of the other clusters; all distances are looked through only where a or b was the nearest
        and what they have become is farther.
        """
        nearest, gap = self.nearest[queries], self.gap[queries]
        nearer = (merged < gap) | ((merged == gap) & (a <= nearest))
        lost = ((nearest == a) | (nearest == b)) & ~nearer & (gap < np.inf)
        self.nearest[queries] = np.where(nearer, a, nearest)
        self.gap[queries] = np.where(nearer, merged, gap)
        which, cluster = np.nonzero(lost)
        which = queries[which]
        distances = self.apart[which, cluster]
        self.nearest[which, cluster] = distances.argmin(axis=1)
        self.gap[which, cluster] = distances.min(axis=1)
