"""How good confidences are: reliability, and what is risked when only the surest queries are answered.

Definitions: expected calibration error (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017) over bins of
equal width; area under the risk-coverage curve, the mean over n = 1..Q of the share of wrong ones among the n surest
queries, and its floor, that of an order with all right ones first (Geifman, Uziel and El-Yaniv, "Bias-Reduced
Uncertainty Estimation for Deep Neural Classifiers", ICLR 2019); recall at 100 % precision, the share of all queries
that are answered before the first wrong one. Queries of equal confidence are answered together; where an order among
them matters, their mean over all orders counts, so no figure depends on the order of the queries.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BINS = 10


@dataclass(frozen=True)
class Reliability:
    """Bins of equal width of the confidence.

    Attributes:
        queries: (B,) int64.
        confidence: (B,) float64, mean of the bin; NaN in an empty one.
        right: (B,) float64, share of right queries; NaN likewise.
    """

    queries: np.ndarray
    confidence: np.ndarray
    right: np.ndarray


@dataclass(frozen=True)
class Curve:
    """Risk against coverage, at each confidence that occurs, the highest first.

    Attributes:
        thresholds: (T,) float64, descending.
        answered: (T,) int64 queries of at least this confidence.
        wrong: (T,) int64 of these.
        queries: Q.
    """

    thresholds: np.ndarray
    answered: np.ndarray
    wrong: np.ndarray
    queries: int


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> Reliability:
    """How often queries of like confidence are right.

    Args:
        confidence: (Q,) float64 in 0..1.
        right: (Q,) bool.
        bins: B; a confidence on an edge belongs to the upper bin, 1 to the last.

    Example:
        >>> found = reliability(np.array([0.2, 0.8, 1.0]), np.array([False, False, True]), bins=2)
        >>> found.queries.tolist(), found.right.tolist()
        ([1, 2], [0.0, 0.5])
    """
    own = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    queries = np.bincount(own, minlength=bins)
    with np.errstate(invalid="ignore"):
        return Reliability(
            queries,
            np.bincount(own, confidence, bins) / queries,
            np.bincount(own, right.astype(np.float64), bins) / queries,
        )


def ece(found: Reliability) -> float:
    """Expected calibration error, 0..1: mean over the queries of |share of right - mean confidence| of their bin."""
    there = found.queries > 0
    off = np.abs(found.right[there] - found.confidence[there])
    return float((found.queries[there] * off).sum() / found.queries.sum())


def brier(confidence: np.ndarray, right: np.ndarray) -> float:
    """Mean squared difference of the confidence ((Q,) float64) to 1 for a right query and 0 for a wrong one."""
    return float(((confidence - right) ** 2).mean())


def risk_coverage(confidence: np.ndarray, right: np.ndarray) -> Curve:
    """The curve of (Q,) float64 confidences and (Q,) bool answers.

    Example:
        >>> curve = risk_coverage(np.array([0.9, 0.5, 0.5]), np.array([True, False, True]))
        >>> curve.thresholds.tolist(), curve.answered.tolist(), curve.wrong.tolist()
        ([0.9, 0.5], [1, 3], [0, 1])
    """
    order = np.argsort(-confidence, kind="stable")
    ordered = confidence[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) if len(ordered) else np.empty(0, np.int64)
    return Curve(ordered[last], last + 1, np.cumsum(~right[order])[last], len(confidence))


def aurc(curve: Curve) -> float:
    """Area under the risk-coverage curve, 0..1; the lower, the better."""
    before = np.concatenate([[0], curve.answered[:-1]])
    wrong_before = np.concatenate([[0], curve.wrong[:-1]])
    size = curve.answered - before
    rows = np.repeat(np.arange(len(size)), size)
    number = np.arange(1, curve.queries + 1)  # of queries answered
    share = (number - before[rows]) / size[rows]  # of the queries of this confidence
    return float(((wrong_before[rows] + share * (curve.wrong - wrong_before)[rows]) / number).mean())


def aurc_floor(queries: int, wrong: int) -> float:
    """The least area that any order of so many queries, so many of them wrong, can have."""
    number = np.arange(1, queries + 1)
    return float((np.maximum(number - (queries - wrong), 0) / number).mean())


def recall_at_full_precision(curve: Curve) -> float:
    """Share of all queries that are answered before the first wrong one, 0..1."""
    clean = curve.answered[curve.wrong == 0]
    return float(clean.max(initial=0) / curve.queries)


def at_threshold(curve: Curve, threshold: float) -> tuple[int, int]:
    """Number of queries of at least this confidence, and how many of these are wrong."""
    rows = np.flatnonzero(curve.thresholds >= threshold)
    return (int(curve.answered[rows[-1]]), int(curve.wrong[rows[-1]])) if len(rows) else (0, 0)
