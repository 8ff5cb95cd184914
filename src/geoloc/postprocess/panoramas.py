"""One hit for each panorama, as Tokyo 24/7 is scored.

Torii, Arandjelović, Sivic, Okutomi and Pajdla, 24/7 Place Recognition by View Synthesis, CVPR 2015: the database holds
several perspective tiles of each panorama, and of each panorama only the best tile counts.

Where a domain's protocol says so, `search.find` looks at so many candidates (`candidates_for`) that the first panoramas
are the true ones, whatever is saved. The step here does the same to what was found under another protocol.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from geoloc.postprocess.batches import check_at_least
from geoloc.postprocess.chain import Evidence, Need
from geoloc.predictions import Predictions


class Panoramas:
    """The best tile of each panorama first, then the other tiles; both in the order as they came.

    It wants more candidates than the largest N of the recalls: with 12 tiles a panorama the first 20 panoramas may take
    240 candidates (`saved_predictions=240`). With fewer, the last places are filled by further tiles. An image without
    a panorama (`Evidence.panos` is empty) stands for itself.

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
        return best_first(candidates, evidence.panos)


def best_first(candidates: np.ndarray, panos: np.ndarray) -> np.ndarray:
    """The order that puts the best image of each panorama first.

    Args:
        candidates: (Q, c) int64 database rows, best first.
        panos: (N,) str, the panorama of each database image; empty for an image that stands for itself.

    Returns:
        (Q, c) int64 columns of `candidates`.
    """
    rows, where = np.unique(candidates, return_inverse=True)
    names, panorama = np.unique(panos[rows], return_inverse=True)
    panorama = np.where(panos[rows] == "", len(names) + np.arange(len(rows)), panorama)
    panorama = panorama[where.reshape(candidates.shape)]  # (Q, c)
    # Sorted by panorama, tiles of one stand side by side, the best of them first.
    together = panorama.argsort(axis=1, kind="stable")
    panorama = np.take_along_axis(panorama, together, axis=1)
    repeated = np.zeros(candidates.shape, bool)
    np.put_along_axis(repeated, together[:, 1:], panorama[:, 1:] == panorama[:, :-1], axis=1)
    return repeated.argsort(axis=1, kind="stable")


def sizes_of(panos: np.ndarray) -> np.ndarray:
    """(P,) int64 number of images of each panorama; `panos` ((N,) str) as in `best_first`."""
    _, sizes = np.unique(panos[panos != ""], return_counts=True)
    return np.concatenate([sizes, np.ones(np.count_nonzero(panos == ""), np.int64)])


def candidates_for(panos: np.ndarray, k: int) -> int:
    """Candidates among which the first k panoramas of every query are sure to be.

    At worst all images of the k - 1 largest panoramas come before the first image of one more.

    Args:
        panos: (N,) str, see `best_first`.
        k: Panoramas wanted, at least 1.

    Returns:
        A number of candidates; N if there are not so many panoramas.

    Example:
        >>> candidates_for(np.array(["a", "a", "a", "b", "b", "", "c"]), 3)  # a, a, a, b, b and another
        6
    """
    sizes = sizes_of(panos)
    if len(sizes) < k:
        return len(panos)
    return int(np.sort(sizes)[::-1][: k - 1].sum()) + 1


def merged(found: Predictions, panos: np.ndarray, k: int) -> Predictions:
    """The best image of each of the first k panoramas; if there are not so many, further images after them.

    Args:
        found: With at least `candidates_for(panos, k)` candidates a query, or all.
        panos: (N,) str, see `best_first`.
        k: Predictions wanted.
    """
    order = best_first(found.ids, panos)[:, :k]
    ids, distances = (np.take_along_axis(values, order, axis=1) for values in (found.ids, found.distances))
    return Predictions(ids, distances, found.database_size)
