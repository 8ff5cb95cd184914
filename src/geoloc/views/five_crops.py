"""One descriptor from five crops of the query."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geoloc.views.view import FiveSquares


@dataclass(frozen=True)
class FiveCrops(FiveSquares):
    """The mean of the descriptors of `FiveSquares`, brought to unit length as those of the database are."""

    def pool(self, descriptors: np.ndarray) -> np.ndarray:
        """See `Pools.pool`."""
        mean = descriptors.mean(axis=1, dtype=np.float32)
        return mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
