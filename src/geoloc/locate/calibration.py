"""From signals to a confidence: the probability that a vote lies within the radius, fitted on labelled queries.

A logistic regression with ridge. All that is told of its quality, and the tables behind `expected_error` and
`threshold`, come from cross-validation by place: each labelled query is judged by a fit that has seen no query near it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaincinv, expit

from geoloc.errors import InputError
from geoloc.locate.expected import error_table, expected_error
from geoloc.locate.folds import FOLDS, cells_of, folds
from geoloc.locate.selective import (
    aurc,
    aurc_floor,
    brier,
    ece,
    recall_at_full_precision,
    reliability,
    risk_coverage,
)
from geoloc.locate.signals import SIGNALS

FORMAT = 1
RIDGE = 1.0
LEAST = 10  # right queries, and wrong ones, that a fit needs
ROWS = 100  # of the table of thresholds, at most
TOLD = ("radius_m", "queries", "right", "ece", "brier", "aurc", "aurc_floor", "r100p")  # numbers of `fitted_on`
# That the precision behind a threshold is no lower. Of 97 pairs of a domain and another like it, the precision itself
# (no bound) was reached by every second one, this bound by three of four, 0.95 by more, but there was a threshold for
# 0.9 in every fourth pair only.
SURE = 0.8


@dataclass(frozen=True)
class Calibration:
    """What turns the signals of a vote into a confidence.

    Attributes:
        names: Of the S signals.
        means: (S,) float64, and
        scales: (S,) float64 of the signals of the labelled queries.
        weights: (S,) float64 of the signals brought to mean 0 and scale 1.
        offset: Log odds where all these are 0.
        errors: (E, 2) float64: confidence, ascending, and median error in metres of the labelled queries of like
            confidence, never rising.
        table: (T, 3) float64: confidence, descending; labelled queries of at least this one; wrong ones of these.
        fitted_on: Plain facts: domains, queries, radius_m, k, protocol, model, ece and the like.
    """

    names: tuple[str, ...]
    means: np.ndarray
    scales: np.ndarray
    weights: np.ndarray
    offset: float
    errors: np.ndarray
    table: np.ndarray
    fitted_on: dict[str, Any] = field(default_factory=dict)

    def confidence(self, signals: np.ndarray) -> np.ndarray:
        """Probability, (Q,) float64 in 0..1, that each vote lies within `radius_m` of where the query was taken.

        Args:
            signals: (Q, S) float64, from `signals.signals` with the same radius.
        """
        return expit((signals - self.means) / self.scales @ self.weights + self.offset)

    def expected_error(self, confidence: np.ndarray) -> np.ndarray:
        """Median error in metres, (Q,) float64, of the labelled queries of like confidence; see `expected`."""
        return expected_error(self.errors, confidence)

    def threshold(self, precision: float) -> float | None:
        """The lowest confidence from which answers are right so often on the labelled queries.

        So often: at a level of 80 %, by the one-sided bound of Clopper and Pearson on the precision. The fewer queries
        are answered, the larger is the share of right ones that they need.

        Args:
            precision: Between 0 and 1.

        Returns:
            None if no threshold reaches it.
        """
        reached = self.table[self._bounds() >= precision, 0]
        return float(reached.min()) if len(reached) else None

    def highest_precision(self) -> float:
        """The highest precision in whole percent, from 0 to 1, that there is a threshold for."""
        return math.floor(100 * float(self._bounds().max(initial=0))) / 100

    def _bounds(self) -> np.ndarray:
        """(T,) float64 precision that answers have at least, from each row of the table on."""
        _, answered, wrong = self.table.T
        right = answered - wrong
        return np.where(right > 0, betaincinv(np.maximum(right, 1), wrong + 1, 1 - SURE), 0)

    def facts(self) -> dict[str, Any]:
        """Plain values, of which `of` makes the same calibration again."""
        return {
            "format": FORMAT,
            "signals": list(self.names),
            "means": self.means.tolist(),
            "scales": self.scales.tolist(),
            "weights": self.weights.tolist(),
            "offset": float(self.offset),
            "errors": self.errors.tolist(),
            "table": self.table.tolist(),
            "fitted_on": dict(self.fitted_on),
        }

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Calibration:
        """The calibration that has told these facts.

        Raises:
            InputError: They are not those of a calibration, or are those of other signals.
        """
        if not isinstance(facts, Mapping):
            raise InputError(_damaged("is no table of values"))
        if facts.get("format") != FORMAT or list(facts.get("signals", [])) != list(SIGNALS):
            raise InputError(
                "calibration: was fitted by another version of geoloc; fit it again by task=test calibrate=true"
            )
        size = len(SIGNALS)
        try:
            means, scales, weights = (
                np.array(facts[key], np.float64).reshape(size) for key in ("means", "scales", "weights")
            )
            errors = np.array(facts["errors"], np.float64).reshape(-1, 2)
            table = np.array(facts["table"], np.float64).reshape(-1, 3)
            offset, about = float(facts["offset"]), dict(facts["fitted_on"])
            numbers = [offset, *(float(about[key]) for key in TOLD)]
            dict(about.get("protocol", {}))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(_damaged(str(error))) from None
        if not all(np.isfinite(values).all() for values in (means, scales, weights, errors, table, numbers)):
            raise InputError(_damaged("a number is not finite"))
        if not (len(errors) and len(table) and scales.min() > 0 and about["radius_m"] > 0):
            raise InputError(_damaged("a table is empty, or a scale or the radius is not above 0"))
        return cls(SIGNALS, means, scales, weights, offset, errors, table, about)


def _damaged(why: str) -> str:
    return f"calibration: is damaged ({why}); fit it again by task=test calibrate=true"


def fit(
    signals: np.ndarray,
    errors: np.ndarray,
    radius: float,
    fitted_on: Mapping[str, Any],
    places: np.ndarray | None = None,
) -> Calibration:
    """Fit a calibration to labelled queries.

    Args:
        signals: (Q, S) float64.
        errors: (Q,) float64 metres from each vote to the truth.
        radius: Metres within which a vote is right.
        fitted_on: Plain facts to be kept; those of the quality are added.
        places: (Q, A) float64 metres, where the queries were truly taken; None: far from each other.

    Raises:
        InputError: Too few queries are right, or wrong, or they lie in too few places.
    """
    right = errors <= radius
    counts = int(right.sum()), int((~right).sum())
    if min(counts) < LEAST:
        raise InputError(
            f"{counts[0]} of the labelled queries are located within {radius:g} m and {counts[1]} are not; a"
            f" calibration needs at least {LEAST} of each"
        )
    if places is None:
        places = np.arange(len(errors), dtype=np.float64)[:, None] * 1000 * radius
    there = len(np.unique(cells_of(places, radius)))
    if there < FOLDS:
        raise InputError(
            f"the labelled queries lie in {there} places of {4 * radius:g} m; a calibration needs at least {FOLDS}"
        )
    judged = np.empty(len(errors))
    for held, others in folds(places, radius):
        judged[held] = _confidence(signals[held], _logistic(signals[others], right[others]))
    means, scales, weights, offset = _logistic(signals, right)
    curve = risk_coverage(judged, right)
    quality = {
        "ece": ece(reliability(judged, right)),
        "brier": brier(judged, right),
        "aurc": aurc(curve),
        "aurc_floor": aurc_floor(len(right), counts[1]),
        "r100p": recall_at_full_precision(curve),
    }
    table = np.stack([curve.thresholds, curve.answered, curve.wrong], axis=1)
    kept = np.unique(np.linspace(0, len(table) - 1, ROWS).round().astype(np.int64))
    facts = {**fitted_on, "radius_m": float(radius), "queries": len(errors), "right": counts[0], **quality}
    return Calibration(SIGNALS, means, scales, weights, offset, error_table(judged, errors, radius), table[kept], facts)


def _logistic(signals: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Means, scales, weights and offset of a logistic regression with ridge on all but the offset."""
    means, scales = signals.mean(axis=0), signals.std(axis=0)
    scales = np.where(scales > 1e-9, scales, 1)
    x, sign = (signals - means) / scales, np.where(right, 1.0, -1.0)

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (x @ values[:-1] + values[-1])
        pull = -sign * expit(-margin)
        slope = np.append(x.T @ pull + RIDGE * values[:-1], pull.sum())
        return float(np.logaddexp(0, -margin).sum() + RIDGE / 2 * (values[:-1] ** 2).sum()), slope

    best = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B").x
    return means, scales, best[:-1], float(best[-1])


def _confidence(signals: np.ndarray, model: tuple[np.ndarray, np.ndarray, np.ndarray, float]) -> np.ndarray:
    means, scales, weights, offset = model
    return expit((signals - means) / scales @ weights + offset)
