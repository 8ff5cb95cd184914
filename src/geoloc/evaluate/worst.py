"""Which queries went worst: those whose first prediction is the farthest from where the photo was taken."""

from __future__ import annotations

import numpy as np


def worst_queries(correct: np.ndarray, meters: np.ndarray, count: int) -> np.ndarray:
    """Queries whose first prediction is wrong, the farthest first.

    Args:
        correct: (Q, k) bool, of each prediction.
        meters: (Q,) from each query to its first prediction.
        count: At most as many.

    Returns:
        (n,) int64 queries.

    Example:
        >>> worst_queries(np.array([[False], [True], [False], [False]]), np.array([40.0, 99.0, 70.0, 30.0]), 2).tolist()
        [2, 0]
    """
    wrong = np.flatnonzero(~correct[:, 0])
    return wrong[np.argsort(-meters[wrong], kind="stable")][:count]


def first_correct(correct: np.ndarray) -> np.ndarray:
    """(Q,) int64 rank of each query's first correct prediction, from 1; 0 where none of the (Q, k) is correct.

    Example:
        >>> first_correct(np.array([[False, True], [False, False]])).tolist()
        [2, 0]
    """
    return np.where(correct.any(axis=1), correct.argmax(axis=1) + 1, 0)
