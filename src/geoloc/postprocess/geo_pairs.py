"""How far the candidates of a query lie from each other: what the geographic steps share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from geoloc.postprocess.batches import batches


def blocks(candidates: np.ndarray, pairs: int = 1 << 15) -> Iterator[slice]:
    """Slices of the rows of (Q, c) candidates with about `pairs` pairs each; none if there are no candidates.

    2 ** 15 pairs are 256 KiB of distances, which fits a CPU's cache.
    """
    queries, c = candidates.shape
    return batches(queries if c else 0, c**2, pairs)


def squared_distances(xy: np.ndarray) -> np.ndarray:
    """Squared distances between all candidates of each query; roots take longer than all the rest.

    Args:
        xy: (Q, c, 2) float64 positions in metres, or (Q, c, 3) where a domain has several zones.

    Returns:
        (Q, c, c) float64 square metres, symmetric to the last digit.
    """
    squares = _along(xy[..., 0])
    for axis in range(1, xy.shape[2]):
        squares += _along(xy[..., axis])
    return squares


def _along(x: np.ndarray) -> np.ndarray:
    """(Q, c, c) squared differences of (Q, c) coordinates."""
    apart = x[:, :, None] - x[:, None, :]
    apart *= apart
    return apart
