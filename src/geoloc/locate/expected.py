"""How far off answers of a confidence are: medians of the errors of labelled queries of like confidence.

More than half of the answers that are surer than 0.5 are said to lie within the radius, and so do their medians.
"""

from __future__ import annotations

import numpy as np

ROWS = 10  # of the table, at most
LIKE = 20  # queries of like confidence that a median is taken of, at least
HALF = 0.5  # the confidence whose median error is the radius
LEAST = 0.01  # metres; an error of 0 has no logarithm


def error_table(confidence: np.ndarray, errors: np.ndarray, radius: float) -> np.ndarray:
    """Medians that never rise with the confidence: isotonic regression by the sum of absolute differences.

    Where queries of higher confidence are farther off than those before, both get the median of them all, so that one
    large error among many small ones moves nothing. A row of its own says that the median of confidence 0.5 is the
    radius; below it none is less, and above it none is more, which chance among 20 queries may have brought about.

    Args:
        confidence: (Q,) of labelled queries, that they lie within the radius.
        errors: (Q,) metres.
        radius: Metres.

    Returns:
        (E, 2) float64: mean confidence, ascending, and median error in metres, never rising.

    Example:
        >>> error_table(np.linspace(0, 1, 40), np.r_[np.full(30, 9.0), np.full(10, 2.0)], 7.0)[:, 1].tolist()
        [9.0, 7.0, 5.5]
    """
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split(order, max(1, min(ROWS, len(order) // LIKE)))
    blocks: list[list[np.ndarray]] = []  # each of parts that share a median
    for part in parts:
        blocks.append([part])
        while len(blocks) > 1 and _median(errors, blocks[-2]) < _median(errors, blocks[-1]):
            last = blocks.pop()
            blocks[-1] += last
    table = np.array([(confidence[part].mean(), _median(errors, block)) for block in blocks for part in block])
    below, above = table[table[:, 0] < HALF], table[table[:, 0] > HALF]
    below[:, 1], above[:, 1] = np.maximum(below[:, 1], radius), np.minimum(above[:, 1], radius)
    return np.concatenate([below, [(HALF, radius)], above])


def expected_error(table: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """Median error in metres, (Q,) float64; half of such queries were farther off.

    Between the rows of the table its logarithm is interpolated, as errors go from metres to kilometres, and beyond it
    stays as at the end.

    Args:
        table: See `error_table`.
        confidence: (Q,) between 0 and 1.

    Example:
        >>> table = np.array([[0.2, 1000.0], [0.8, 10.0]])
        >>> expected_error(table, np.array([0.1, 0.5, 0.9])).round(6).tolist()
        [1000.0, 100.0, 10.0]
    """
    return np.exp(np.interp(confidence, table[:, 0], np.log(np.maximum(table[:, 1], LEAST))))


def _median(errors: np.ndarray, block: list[np.ndarray]) -> float:
    return float(np.median(errors[np.concatenate(block)]))
