"""Parts of labelled queries for cross-validation, such that no place is on both sides."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial import cKDTree

FOLDS = 5
SIDE = 4.0  # of a cell, in radii: a place and its neighbourhood


def cells_of(places: np.ndarray, radius: float) -> np.ndarray:
    """Number of the square cell that each query was taken in.

    Args:
        places: (Q, A) float64 metres.
        radius: Metres; a cell is four of them wide.

    Returns:
        (Q,) int64, from 0.
    """
    cells = np.floor(places / (SIDE * radius)).astype(np.int64)
    return np.unique(cells, axis=0, return_inverse=True)[1].ravel()


def folds(places: np.ndarray, radius: float, count: int = FOLDS) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Parts of the queries, and for each what may be fitted to judge it: the queries that are farther than the radius.

    Whole cells go to a part, the largest first, each to the part that has the fewest queries by then.

    Args:
        places: (Q, A) float64 metres, where the queries were truly taken.
        radius: Metres.
        count: Of parts; fewer where there are fewer cells.

    Yields:
        (n,) int64 queries of a part, and (m,) int64 queries to fit.
    """
    cells = cells_of(places, radius)
    sizes = np.bincount(cells)
    part_of = np.empty(len(sizes), np.int64)
    filled = np.zeros(min(count, len(sizes)), np.int64)
    for cell in np.argsort(-sizes, kind="stable"):
        part_of[cell] = filled.argmin()
        filled[part_of[cell]] += sizes[cell]
    own = part_of[cells]
    for part in range(len(filled)):
        held = np.flatnonzero(own == part)
        others = np.flatnonzero(own != part)
        apart = cKDTree(places[held]).query(places[others])[0]
        yield held, others[apart > radius]
