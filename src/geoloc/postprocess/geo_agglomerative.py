"""Candidates that lie close together on the map come first; groups by agglomerative clustering.

Lance and Williams, A General Theory of Classificatory Sorting Strategies, The Computer Journal 9, 1967, on the
positions of the candidates of each query, for all queries at once.
"""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

import numpy as np

from geoloc.postprocess import orders
from geoloc.postprocess.chain import Evidence, Need
from geoloc.postprocess.geo_pairs import blocks, squared_distances

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
            raise ValueError(
                "geo_agglomerative: give n_clusters or distance, and set the other to null (n_clusters=null or"
                " distance=null)"
            )
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
        for rows in blocks(candidates, pairs=1 << 19):  # each merge has its price, whatever the block
            apart = np.sqrt(squared_distances(evidence.xy[candidates[rows]]))
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
    for left in range(apart.shape[1], n_clusters, -1):
        if not clusters.merge(limit):
            break
        if 2 * left <= clusters.gap.shape[1]:
            clusters.leave_out_the_gone()
    return clusters.labels()


class _Clusters:
    """Clusters of all queries while they are merged, in the order of their first points.

    Queries that are done are merged on, unrecorded: to go on with some only takes longer, as they must be gathered. So
    all queries have as many clusters left.

    Attributes:
        first: (Q, m) int64 column of each cluster's first point.
        apart: (Q, m, m) float64 metres between clusters; infinite to itself, not kept up to date to one that is gone.
        gone: (Q, m) float64, infinite for a cluster that was merged into another, 0 for the others: adding it takes a
            fraction of the time of a mask.
        nearest: (Q, m) int64 the first of the nearest clusters of each cluster.
        gap: (Q, m) float64 metres to it; infinite for a cluster that is gone.
        sizes: (Q, m) float64 points of each cluster.
        parent: (Q, c) int64 column of the first point of the cluster that it was merged into; its own if it was not.
    """

    def __init__(self, apart: np.ndarray, linkage: Linkage) -> None:
        queries, c, _ = apart.shape
        apart[:, np.arange(c), np.arange(c)] = np.inf
        self.linkage = linkage
        self.each = np.arange(queries)
        self.apart = apart
        self.gone = np.zeros((queries, c))
        self.nearest = apart.argmin(axis=2)
        self.gap = apart.min(axis=2)
        self.sizes = np.ones((queries, c))
        self.first = np.tile(np.arange(c), (queries, 1))
        self.parent = self.first.copy()

    def merge(self, limit: float) -> bool:
        """Merge the two nearest clusters of each query; whether those of any were at most `limit` metres apart."""
        each = self.each
        a = self.gap.argmin(axis=1)  # the first of equals, so the other one comes after it
        b = self.nearest[each, a]
        close = self.gap[each, a] <= limit
        self.parent[each[close], self.first[each, b][close]] = self.first[each, a][close]
        self.gone[each, b] = np.inf
        merged = self._merged(a, b)
        merged += self.gone
        merged[each, a] = np.inf
        self.apart[each, a] = self.apart[each, :, a] = merged
        self.sizes[each, a] += self.sizes[each, b]
        self.nearest[each, a] = nearest = merged.argmin(axis=1)
        self.gap[each, a] = merged[each, nearest]
        self.gap[each, b] = np.inf
        self._update_nearest(a[:, None], b[:, None], merged)
        return bool(close.any())

    def leave_out_the_gone(self) -> None:
        """Make the arrays smaller by the clusters that are gone."""
        here = self.gone == 0
        left = np.argsort(~here, axis=1, kind="stable")[:, : np.count_nonzero(here[0])]
        now = np.cumsum(here, axis=1) - 1  # place of each that is left
        self.first, self.gap, self.sizes, self.gone = (
            np.take_along_axis(values, left, axis=1) for values in (self.first, self.gap, self.sizes, self.gone)
        )
        self.nearest = np.take_along_axis(now, np.take_along_axis(self.nearest, left, axis=1), axis=1)
        self.apart = self.apart[self.each[:, None, None], left[:, :, None], left[:, None, :]]

    def _merged(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """(Q, m) metres from a and b together."""
        to_a, to_b = self.apart[self.each, a], self.apart[self.each, b]
        if self.linkage == "complete":
            return np.maximum(to_a, to_b)
        if self.linkage == "single":
            return np.minimum(to_a, to_b)
        size_a, size_b = self.sizes[self.each, a, None], self.sizes[self.each, b, None]
        return (size_a * to_a + size_b * to_b) / (size_a + size_b)

    def _update_nearest(self, a: np.ndarray, b: np.ndarray, merged: np.ndarray) -> None:
        """Find what is nearest to the other clusters.

        All distances are looked through only where a or b was the nearest and what they have become is farther.
        """
        nearer = (merged < self.gap) | ((merged == self.gap) & (a <= self.nearest))
        lost = ((self.nearest == a) | (self.nearest == b)) & ~nearer & (self.gone == 0)
        np.minimum(self.gap, merged, out=self.gap)
        np.copyto(self.nearest, a, where=nearer)
        query, cluster = np.nonzero(lost)
        distances = self.apart[query, cluster]
        distances += self.gone[query]
        self.nearest[query, cluster] = nearest = distances.argmin(axis=1)
        self.gap[query, cluster] = distances[np.arange(len(query)), nearest]

    def labels(self) -> np.ndarray:
        """(Q, c) int64 cluster of each point."""
        while True:
            root = np.take_along_axis(self.parent, self.parent, axis=1)
            if np.array_equal(root, self.parent):
                return root
            self.parent = root
