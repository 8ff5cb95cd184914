"""Places of images in a store that does not hold all of them."""

from __future__ import annotations

import numpy as np


class Slots:
    """Which images have a place: those that were wanted last. All processes that ask alike decide alike.

    Args:
        rows: N images.
        places: S of the store.

    Attributes:
        of: (N,) int64 place of each image; -1: it has none.
    """

    def __init__(self, rows: int, places: int) -> None:
        self.of = np.full(rows, -1, np.int64)
        self.held = np.full(places, -1, np.int64)  # row in each place
        self.wanted = np.zeros(places, np.int64)  # turn in which it was wanted last; 0: it is empty
        self.turn = 0

    def want(self, rows: np.ndarray) -> np.ndarray:
        """Give places to these images, taken from images that have not been wanted for the longest time.

        Args:
            rows: (R,) int64. None of them loses its place to another one, so that some get none where R > S.

        Returns:
            (n,) int64 rows that have a place only now, and have still to be stored there.

        Example:
            >>> slots = Slots(rows=9, places=2)
            >>> slots.want(np.array([7, 3])), slots.want(np.array([3, 5])), slots.want(np.array([1, 2, 5]))
            (array([3, 7]), array([5]), array([1]))
            >>> slots.of
            array([-1,  0, -1, -1, -1,  1, -1, -1, -1])
        """
        self.turn += 1
        there = self.of[rows]
        self.wanted[there[there >= 0]] = self.turn
        new = np.unique(rows[there < 0])
        free = np.flatnonzero(self.wanted < self.turn)
        free = free[np.argsort(self.wanted[free], kind="stable")][: len(new)]
        new = new[: len(free)]
        gone = self.held[free]
        self.of[gone[gone >= 0]] = -1
        self.of[new], self.held[free], self.wanted[free] = free, new, self.turn
        return new
