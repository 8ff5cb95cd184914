"""Means over seeds and paired differences, with Student's t-intervals. Pure functions on arrays.

Student, "The probable error of a mean", Biometrika 6, 1908. Two networks that are trained with the same seed start from
the same weights and see the same batches, so the difference within a seed varies less than recall between seeds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats


@dataclass(frozen=True)
class Estimate:
    """A mean and the interval that holds the true one with the asked confidence.

    Attributes:
        n: Number of values that it rests on.
        mean: In the unit of the values; nan if there are none.
        low: Lower end of the interval; nan if there are fewer than two values, since one tells nothing about spread.
        high: Upper end, likewise.
    """

    n: int
    mean: float
    low: float
    high: float


def mean_interval(values: NDArray[np.float64], confidence: float = 0.95) -> Estimate:
    """Mean of independent values with its t-interval.

    Args:
        values: (S,), such as the recall of S seeds in percent.
        confidence: Share of such intervals that hold the true mean, if the values are normally distributed.
    """
    n = len(values)
    if n < 2:
        return Estimate(n, float(values[0]) if n else float("nan"), float("nan"), float("nan"))
    mean = float(np.mean(values))
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1) * np.std(values, ddof=1) / np.sqrt(n))
    return Estimate(n, mean, mean - half, mean + half)


def paired_difference(values: NDArray[np.float64], baseline: NDArray[np.float64], confidence: float = 0.95) -> Estimate:
    """Mean of the differences within pairs, with its t-interval.

    Args:
        values: (S,), such as the recall of S seeds in percent.
        baseline: (S,) of the same seeds in the same order.
        confidence: See `mean_interval`.
    """
    if values.shape != baseline.shape:
        raise ValueError(f"pairs need as many values as baselines, not {len(values)} and {len(baseline)}")
    return mean_interval(values - baseline, confidence)
