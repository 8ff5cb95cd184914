"""Near duplicates: photos whose perceptual hashes differ in a few bits, found without comparing all with all."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

AT_MOST = 3  # bits of 63 in which the hashes of copies may differ
BANDS = 4  # of 16 bits each: with at most 3 bits that differ, two hashes agree in at least one band
ONES = np.array([bin(number).count("1") for number in range(1 << 16)], np.uint8)


def distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Number of bits in which hashes differ.

    Args:
        first: (N,) uint64.
        second: (N,) uint64.

    Returns:
        (N,) int64.

    Example:
        >>> distance(np.array([0, 7], np.uint64), np.array([0, 1 << 63], np.uint64)).tolist()
        [0, 4]
    """
    bands = (first ^ second).astype("<u8").view("<u2").reshape(-1, BANDS)
    return ONES[bands].sum(axis=1, dtype=np.int64)


def close_pairs(looks: np.ndarray) -> np.ndarray:
    """All pairs of hashes that differ in at most `AT_MOST` bits.

    Args:
        looks: (U,) uint64, no two equal.

    Returns:
        (P, 2) int64 rows, the smaller first, in ascending order.
    """
    found = [np.empty((0, 2), np.int64)]
    for band in range(BANDS):
        keys = (looks >> np.uint64(16 * band)) & np.uint64(0xFFFF)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        left = np.arange(len(looks))
        # Each with the one after it, the second after it, ... as long as they agree in this band.
        for step in range(1, len(looks)):
            left = left[left + step < len(looks)]
            left = left[keys[left] == keys[left + step]]
            if not len(left):
                break
            pairs = np.stack([order[left], order[left + step]], axis=1)
            found.append(pairs[distance(looks[pairs[:, 0]], looks[pairs[:, 1]]) <= AT_MOST])
    pairs = np.sort(np.concatenate(found), axis=1)
    return np.unique(pairs, axis=0)


class Alike:
    """Which photos look alike, of any two sets out of many photos.

    Args:
        looks: (N,) uint64 hashes of all photos.
        told: (N,) bool; the others look like nothing.
        contents: (N,) int64, equal for files of equal bytes: these are the same, and not alike.
    """

    def __init__(self, looks: np.ndarray, told: np.ndarray, contents: np.ndarray) -> None:
        unique, own = np.unique(looks, return_inverse=True)
        pairs = close_pairs(np.unique(looks[told]))
        pairs = np.searchsorted(unique, np.unique(looks[told]))[pairs]
        rows = np.concatenate([pairs[:, 0], pairs[:, 1], np.arange(len(unique))])
        columns = np.concatenate([pairs[:, 1], pairs[:, 0], np.arange(len(unique))])
        self.near = csr_matrix((np.ones(len(rows), np.int64), (rows, columns)), shape=(len(unique),) * 2)
        self.own, self.told, self.contents = own.ravel(), told, contents

    def partners(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """One photo of `second` for each of `first` that looks alike and is not the same file.

        Args:
            first: (A,) int64 rows of all photos.
            second: (B,) int64 rows.

        Returns:
            (A,) int64 rows, -1 where there is none.
        """
        second = second[self.told[second]]
        # Files of the same bytes count once, so that what is left after the photo's own are others.
        second = second[np.unique(self.contents[second], return_index=True)[1]]
        members = np.bincount(self.own[second], minlength=self.near.shape[0])
        itself = np.isin(self.contents[first], self.contents[second])
        others = (self.near @ members)[self.own[first]] - itself
        found = np.full(len(first), -1, np.int64)
        by_look = second[np.argsort(self.own[second], kind="stable")]
        starts = np.concatenate([[0], np.cumsum(members)])
        for row in np.flatnonzero((others > 0) & self.told[first]):
            found[row] = self._partner(int(first[row]), by_look, starts)
        return found

    def _partner(self, photo: int, by_look: np.ndarray, starts: np.ndarray) -> int:
        look = self.own[photo]
        for near in self.near.indices[self.near.indptr[look] : self.near.indptr[look + 1]]:
            for other in by_look[starts[near] : starts[near + 1]]:
                if self.contents[other] != self.contents[photo]:
                    return int(other)
        return -1
