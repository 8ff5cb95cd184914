"""One hit for each panorama, as Tokyo 24/7 is scored.

Torii, Arandjelović, Sivic, Okutomi and Pajdla, 24/7 Place Recognition by View Synthesis, CVPR 2015: the database holds
several perspective tiles of each panorama, and of each panorama only the best tile counts.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from geoloc.postprocess.batches import check_at_least
from geoloc.postprocess.chain import Evidence, Need


class Panoramas:
    """The best tile of each panorama first, then the other tiles; both in the order as they came.

    It wants more candidates than the largest N of the recalls: with 12 tiles a panorama the first 20 panoramas may take
    240 candidates (`saved_predictions=240`). With fewer, the last places are filled by further tiles. An image without
    a panorama (`Evidence.shots` is empty) stands for itself.

    Args:
        depth: Candidates that are ordered anew; None for all.

    Raises:
        ValueError: The depth is below 0.
    """

    needs: ClassVar[tuple[Need, ...]] = ()

    def __init__(self, depth: int | None = None) -> None:
        check_at_least(0, depth=depth)
        self.depth = depth

    def __call__(self, candidates: np.ndarray, distances: np.ndarray, evidence: Evidence) -> np.ndarray:
        """See `Step`."""
        rows, where = np.unique(candidates, return_inverse=True)
        shots = evidence.shots[rows]
        names, panorama = np.unique(shots, return_inverse=True)
        panorama = np.where(shots == "", len(names) + np.arange(len(rows)), panorama)
        panorama = panorama[where.reshape(candidates.shape)]  # (Q, c)
        # Sorted by panorama, tiles of one stand side by side, the best of them first.
        together = panorama.argsort(axis=1, kind="stable")
        panorama = np.take_along_axis(panorama, together, axis=1)
        repeated = np.zeros(candidates.shape, bool)
        np.put_along_axis(repeated, together[:, 1:], panorama[:, 1:] == panorama[:, :-1], axis=1)
        return repeated.argsort(axis=1, kind="stable")
