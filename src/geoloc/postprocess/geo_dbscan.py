"""Candidates that lie close together on the map come first; groups by density.

Ester et al., A Density-Based Algorithm for Discovering Clusters in Large Spatial Databases with Noise, KDD 1996, on the
positions of the candidates of each query, for all queries at once.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from geoloc.postprocess import orders
from geoloc.postprocess.chain import Evidence, Need
from geoloc.postprocess.geo_pairs import blocks, squared_distances


class GeoDBSCAN:
    """Orders the candidates by clusters of their positions. A candidate that is noise is a group of its own.

    Args:
        eps: Metres; candidates at most so far apart are neighbours.
        min_samples: A candidate with at least so many neighbours, itself included, is the core of a cluster.
        order: How groups become a list, see `orders`.
        depth: It orders the first so many candidates anew. None: all.
        compat: As the code of the reference system does: all noise is one cluster, often the largest, and the order
            size_distance takes the clusters as they first appear, whatever their size.

    Raises:
        ValueError: eps is not positive and finite, min_samples below 1, depth below 0, no such order.
    """

    needs: ClassVar[tuple[Need, ...]] = ()

    def __init__(
        self,
        eps: float = 5.0,
        min_samples: int = 2,
        order: orders.Order = "size",
        depth: int | None = 20,
        compat: bool = False,
    ) -> None:
        if not 0 < eps < np.inf:
            raise ValueError(f"geo_dbscan.eps: must be a number of metres above 0, not {eps}")
        if min_samples < 1:
            raise ValueError(f"geo_dbscan.min_samples: must be at least 1, not {min_samples}")
        orders.check("geo_dbscan", order, depth)
        self.eps = eps
        self.min_samples = min_samples
        self.order = order
        self.depth = depth
        self.compat = compat

    def __call__(self, candidates: np.ndarray, distances: np.ndarray, evidence: Evidence) -> np.ndarray:
        """Order the candidates, see `chain.Step`."""
        labels = np.empty(candidates.shape, np.int64)
        for rows in blocks(candidates):
            labels[rows] = dbscan(evidence.xy[candidates[rows]], self.eps, self.min_samples)
        # The column of a noise point never is the label of a cluster, which is the column of a core.
        alone = np.broadcast_to(np.arange(candidates.shape[1]), candidates.shape)
        noise = labels < 0
        if self.compat and labels.size:
            alone = noise.argmax(axis=1)[:, None]
        labels = np.where(noise, alone, labels)
        by_size = not (self.compat and self.order == "size_distance")
        return orders.disjoint(labels, distances, self.order, by_size)


def dbscan(xy: np.ndarray, eps: float, min_samples: int) -> np.ndarray:
    """Cluster the candidates of each query by density.

    Cores within `eps` metres of each other are in one cluster. Another point within `eps` of a core joins its cluster;
    if there are several, the one whose first core comes first.

    Args:
        xy: (Q, c, 2) float64 positions in metres, c at least 1.
        eps: Metres; at exactly this distance two points are neighbours.
        min_samples: Neighbours that make a core, itself included.

    Returns:
        (Q, c) int64, the column of the cluster's first core; -1 for noise.

    Example:
        >>> dbscan(np.array([[[0.0, 0.0], [9.0, 0.0], [12.0, 4.0]]]), 5.0, 2).tolist()
        [[-1, 1, 1]]
    """
    c = xy.shape[1]
    small = np.min_scalar_type(c)  # the arrays of pairs are large; one byte a pair is enough for c up to 255
    near = squared_distances(xy) <= eps * eps
    core = near.sum(axis=2, dtype=np.int32) >= min_samples
    far = np.multiply(~near, small.type(c), dtype=small)  # maximum(x, far): x for neighbours, c for the others
    label = np.where(core, np.arange(c, dtype=small), small.type(c))
    while True:
        # Each core takes the smallest label around it, until nothing changes; c means none.
        reached = np.maximum(label[:, :, None], far).min(axis=1)
        following = np.where(core, reached, small.type(c))
        if np.array_equal(following, label):
            return np.where(reached < c, reached.astype(np.int64), -1)
        # A label's own label is smaller or the same, and in the same cluster: a long street takes few rounds.
        label = np.where(core, np.take_along_axis(following, np.minimum(following, c - 1), axis=1), following)
