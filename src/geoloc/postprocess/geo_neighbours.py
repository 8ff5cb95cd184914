"""Candidates with many others around them on the map come first: a group is what lies around one candidate."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from geoloc.postprocess import orders
from geoloc.postprocess.chain import Evidence, Need
from geoloc.postprocess.geo_pairs import blocks, squared_distances


class GeoNeighbours:
    """Orders the candidates by overlapping groups: around each candidate those nearer than `radius`, and itself.

    Args:
        radius: Metres; a candidate at exactly this distance is outside.
        order: How groups become a list, see `orders`.
        depth: It orders the first so many candidates anew. None: all.
        compat: As the code of the reference system does: groups of one size come in the order in which Python's
            `list(set(rows))` gives the database rows of the candidates, which is that of their hashes and not of their
            rank. A query without any group can so lose its first candidate.

    Raises:
        ValueError: radius is not positive and finite, depth below 0, no such order.
    """

    needs: ClassVar[tuple[Need, ...]] = ()

    def __init__(
        self, radius: float = 5.0, order: orders.Order = "size", depth: int | None = 20, compat: bool = False
    ) -> None:
        if not 0 < radius < np.inf:
            raise ValueError(f"geo_neighbours.radius: must be a number of metres above 0, not {radius}")
        orders.check("geo_neighbours", order, depth)
        self.radius = radius
        self.order = order
        self.depth = depth
        self.compat = compat

    def __call__(self, candidates: np.ndarray, distances: np.ndarray, evidence: Evidence) -> np.ndarray:
        """Order the candidates, see `chain.Step`."""
        out = np.empty(candidates.shape, np.int64)
        for rows in blocks(candidates):
            members = squared_distances(evidence.xy[candidates[rows]]) < self.radius**2
            preference = _places_in_set(candidates[rows]) if self.compat else None
            out[rows] = orders.overlapping(members, distances[rows], self.order, preference)
        return out


def _places_in_set(candidates: np.ndarray) -> np.ndarray:
    """(Q, c) int64 place of each row in Python's set of them; numpy has nothing of the kind, so query by query."""
    out = np.empty(candidates.shape, np.int64)
    for query, rows in enumerate(candidates.tolist()):
        place = {row: i for i, row in enumerate(set(rows))}
        out[query] = [place[row] for row in rows]
    return out
