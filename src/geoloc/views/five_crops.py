"""One descriptor from five crops of the query."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geoloc.views.view import FiveSquares


@dataclass(frozen=True)
class FiveCrops(FiveSquares):
    """The mean of the descriptors of `FiveSquares`, as long as they are on average.

    That is unit length, as that of the database, unless the network's `unit_length` is False.
    """

    def pool(self, descriptors: np.ndarray) -> np.ndarray:
        """See `Pools.pool`."""
        mean = descriptors.mean(axis=1, dtype=np.float32)
        # No (Q, V, D) array of squares is made.
        length = np.sqrt(np.einsum("qvd,qvd->qv", descriptors, descriptors)).mean(axis=1)[:, None]
        return mean * (length / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12))
