"""Sharing out own photos: which are queries, which go to train, val and test, and which are too near another one.

Arrays in, arrays out. Positions are (N, 2) or (N, 3) metres in one frame.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

LOOKS_ELSEWHERE = 45.0  # degrees between the headings of two photos that do not show the same


def areas(places: np.ndarray, shares: Sequence[float], gap: float) -> np.ndarray:
    """Cut the longer axis into blocks, one after the other, with a gap between them.

    Args:
        places: (N, 2) or (N, 3) metres.
        shares: Parts of the photos that lie in each block, in any unit.
        gap: Metres; photos less than half of this from a cut belong to no block.

    Returns:
        (N,) int64 number of the block of each photo, from west to east or south to north; -1 in a gap.

    Example:
        >>> areas(np.array([[0.0, 0], [100, 0], [110, 0], [300, 0]]), [1, 1], 25).tolist()
        [0, -1, -1, 1]
    """
    along = places[:, np.ptp(places, axis=0).argmax()]
    ordered = np.sort(along)
    ends = np.cumsum(shares)[:-1] / np.sum(shares) * len(along)
    block = np.zeros(len(along), np.int64)
    dropped = np.zeros(len(along), bool)
    for end in np.clip(np.round(ends).astype(np.int64), 1, max(len(along) - 1, 1)):
        cut = ordered[end - 1 : end + 1].mean()
        block += along >= cut
        dropped |= np.abs(along - cut) < gap / 2
    block[dropped] = -1
    return block


def thin(places: np.ndarray, headings: np.ndarray, spacing: float) -> np.ndarray:
    """Keep the first of photos that are near each other and look the same way.

    Args:
        places: (N, 2) or (N, 3) metres.
        headings: (N,) float64 degrees; not a number where unknown. Two photos that look more than 45 degrees apart are
            both kept; one of unknown heading looks the same way as any.
        spacing: Metres between photos that are kept, at least.

    Returns:
        (N,) bool, True for those to keep. Each of the others is near a kept one that comes before it.
    """
    keep = np.ones(len(places), bool)
    tree = cKDTree(places)
    for row in range(len(places)):
        if keep[row]:
            near = np.array(tree.query_ball_point(places[row], spacing), dtype=np.int64)
            near = near[near > row]
            near = near[np.linalg.norm(places[near] - places[row], axis=1) < spacing]
            turn = np.abs((headings[near] - headings[row] + 180) % 360 - 180)
            keep[near[~(turn > LOOKS_ELSEWHERE)]] = False
    return keep


def choose_queries(places: np.ndarray, share: float, near: float, seed: int) -> np.ndarray:
    """Choose queries at random, of places that keep a database photo.

    In a random order, each photo becomes a query if it and the queries chosen before it still have a database photo
    near, until the share is reached.

    Args:
        places: (N, 2) or (N, 3) metres.
        share: Part of the photos, 0 to 1.
        near: Metres within which every query keeps a database photo.
        seed: Of the random order.

    Returns:
        (N,) bool, True for queries; fewer than asked for if too many photos are alone.
    """
    wanted = round(share * len(places))
    neighbours = [
        [other for other in found if other != row]
        for row, found in enumerate(cKDTree(places).query_ball_point(places, near))
    ]
    left = np.array([len(found) for found in neighbours])  # database photos near each photo
    queries = np.zeros(len(places), bool)
    chosen = 0
    for row in np.random.default_rng(seed).permutation(len(places)):
        if chosen == wanted:
            break
        depend = [other for other in neighbours[row] if queries[other]]
        if left[row] > 0 and (left[depend] > 1).all():
            queries[row] = True
            chosen += 1
            left[neighbours[row]] -= 1
    return queries


def without_positive(queries: np.ndarray, database: np.ndarray, near: float) -> int:
    """How many of (Q, 2) queries have no one of the (N, 2) database within `near` metres."""
    distance, _ = cKDTree(database).query(queries)
    return int((distance > near).sum())


def since(times: Sequence[str], date: str) -> np.ndarray:
    """Which photos were taken at a date or later.

    Args:
        times: N texts `YYYYMMDD_hhmmss`, or beginnings of it.
        date: Such a text.

    Returns:
        (N,) int64: 1 taken then or later, 0 before, -1 the time does not say.

    Example:
        >>> since(["20240531_235959", "20240601", "2024", "2023", ""], "20240601").tolist()
        [0, 1, -1, 0, -1]
    """
    earliest = "00000101_000000"  # day 1 of month 1
    date += earliest[len(date) :]
    first = np.array([time + earliest[len(time) :] for time in times])
    last = np.array([time + "99999999_999999"[len(time) :] for time in times])
    return np.where(first >= date, 1, np.where(last < date, 0, -1))
