"""Five crops of the query, of which the nearest to a candidate counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geoloc.views.merging import merged
from geoloc.views.view import FiveSquares


@dataclass(frozen=True)
class NearestCrop(FiveSquares):
    """Each of `FiveSquares` is searched; candidates are ordered by their smallest distance to a crop."""

    def merge(self, ids: np.ndarray, distances: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Merges.merge`."""
        return merged(ids, distances, distances, k)
