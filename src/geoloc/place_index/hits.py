"""What a search of an index has found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geoloc.place_index.contents import Contents
from geoloc.predictions import Predictions


@dataclass(frozen=True)
class Hits:
    """The nearest photos of each of Q queries, best first.

    Attributes:
        predictions: Rows of the index as it was searched, and distances.
        descriptors: (Q, D) of the queries.
        contents: The index as it was searched.
    """

    predictions: Predictions
    descriptors: np.ndarray
    contents: Contents

    def __len__(self) -> int:
        return len(self.predictions)

    @property
    def rows(self) -> np.ndarray:
        """(Q, k) int64 rows of the index."""
        return self.predictions.ids

    @property
    def distances(self) -> np.ndarray:
        """(Q, k) float32 L2 distances of the descriptors."""
        return self.predictions.distances

    @property
    def ids(self) -> np.ndarray:
        """(Q, k) object, the ids of the photos."""
        return self.contents.records.ids[self.rows]

    @property
    def paths(self) -> np.ndarray:
        """(Q, k) object, their absolute paths."""
        return self.contents.records.paths[self.rows]

    @property
    def times(self) -> np.ndarray:
        """(Q, k) object, when they were taken; empty where unknown."""
        return self.contents.records.times[self.rows]

    @property
    def xy(self) -> np.ndarray:
        """(Q, k, A) float64 positions in the frame of the index, in metres."""
        return self.contents.placed[0][self.rows]

    @property
    def latlon(self) -> np.ndarray:
        """(Q, k, 2) float64 degrees; NaN where unknown."""
        return self.contents.latlon[self.rows]
