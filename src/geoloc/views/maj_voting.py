"""Five crops of the query that vote: candidates that several of them find come to the front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geoloc.views.merging import merged, occurrences
from geoloc.views.view import FiveSquares


@dataclass(frozen=True)
class MajVoting(FiveSquares):
    """Each of `FiveSquares` is searched; candidates are ordered by squared distance less a reward for each pass.

    In a pass n, a candidate that c > 1 crops have among their first n has `weight` x c / n taken off the squared L2
    distance of each of these c hits; the rewards of all passes add up. Candidates are ordered by their smallest value
    then. The distance that is returned with a candidate is none of these but its smallest L2 distance to a crop that
    found it, so that distances mean the same under every view; they need not ascend.

    Args:
        weight: Of the reward, as a squared L2 distance (that of two descriptors of unit length is at most 4).
        passes: n of each pass; one above the number of candidates counts all of them, its n stays the divisor.
    """

    weight: float = 0.01
    passes: Sequence[int] = (1, 5, 10)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and self.weight >= 0):
            raise ValueError(f"weight must be at least 0, not {self.weight}")
        if any(n < 1 for n in self.passes):
            raise ValueError(f"passes must be numbers of candidates, at least 1 each, not {list(self.passes)}")

    def merge(self, ids: np.ndarray, distances: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Merges.merge`."""
        adjusted = distances.astype(np.float64) ** 2
        for n in self.passes:
            first = ids[:, :, :n]
            count = occurrences(first.reshape(len(ids), first.shape[1] * first.shape[2])).reshape(first.shape)
            adjusted[:, :, :n] -= np.where(count > 1, self.weight * count / n, 0.0)
        return merged(ids, adjusted, distances, k)
