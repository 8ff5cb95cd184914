"""Photos that are on both sides of a domain: the same file, the same bytes, or the same exposure under two names.

In training such a pair teaches nothing (its distance is 0); in testing it inflates recall.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from geoloc.data.domains import Domain
from geoloc.places import Neighbours, PlaceSet


def same_photo(domain: Domain, positives: Neighbours) -> np.ndarray:
    """Which (query, positive) pairs are one and the same photo.

    Two photos are the same if their bytes are equal, or if panorama id and time stamp are both known and equal.

    Args:
        domain: The two sides.
        positives: Pairs to look at; all others are too far apart to matter.

    Returns:
        (M,) bool in the order of `positives.pairs()`.
    """
    queries, rows = positives.pairs()
    shots_q, shots_d = domain.queries.shots, domain.database.shots
    assert shots_q is not None
    assert shots_d is not None
    same = (shots_q[queries] == shots_d[rows]) & (shots_q[queries] != "")
    sizes_q, sizes_d = _sizes(domain.queries, np.unique(queries)), _sizes(domain.database, np.unique(rows))
    # Reading files is slow, so bytes are compared only where the sizes agree.
    for pair in np.flatnonzero((sizes_q[queries] == sizes_d[rows]) & ~same):
        same[pair] = _digest(domain.queries.path(queries[pair])) == _digest(domain.database.path(rows[pair]))
    return same


def same_file(one: Path, other: Path) -> bool:
    """Whether two files have the same bytes; False if one is gone."""
    try:
        if one.stat().st_size != other.stat().st_size:
            return False
        return one.samefile(other) or _digest(one) == _digest(other)
    except OSError:
        return False


def _sizes(side: PlaceSet, rows: np.ndarray) -> np.ndarray:
    """(N,) bytes of the files in `rows`, 0 elsewhere."""
    sizes = np.zeros(len(side), np.int64)
    for row in rows:
        sizes[row] = side.path(row).stat().st_size
    return sizes


def _digest(path: Path) -> bytes:
    return hashlib.blake2b(path.read_bytes()).digest()
