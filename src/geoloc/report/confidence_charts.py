"""The reliability diagram and the risk-coverage curves of all domains. The template draws them as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from geoloc.evaluate.recall import wilson
from geoloc.locate.selective import reliability, risk_coverage
from geoloc.report.charts import style

WIDTH, HEIGHT = 440, 330  # of either chart, in pixels
LEFT, RIGHT, TOP, BOTTOM = 44, 428, 12, 284  # edges of its plot
MOST = 200  # points of a curve
TOPS = (5, 10, 20, 50, 100)  # percent at the upper edge of the risk; each is cut into five
LARGEST = 8.0  # radius of the dot of a bin that holds all queries


@dataclass(frozen=True)
class Bin:
    """Queries of like confidence: their dot, and the ends of the 95 % interval of their share of right ones."""

    x: float
    y: float
    radius: float
    low: float
    high: float
    queries: int
    confidence: float
    right: float


@dataclass(frozen=True)
class Diagram:
    """One domain's line of the reliability diagram."""

    name: str
    style: str
    bins: tuple[Bin, ...]

    @property
    def line(self) -> str:
        """Points of an SVG polyline."""
        return " ".join(f"{each.x},{each.y}" for each in self.bins)


@dataclass(frozen=True)
class Risk:
    """One domain's risk against its coverage: an SVG polyline, and the point of the threshold, or None."""

    name: str
    style: str
    line: str
    chosen: tuple[float, float] | None
    words: str


@dataclass(frozen=True)
class ConfidenceCharts:
    """Both charts.

    Attributes:
        diagrams: One a domain.
        risks: One a domain.
        shares: (x, y, share) of the ticks of the reliability diagram, at either axis.
        coverages: (x, percent) of the ticks below the risks.
        percents: (y, percent) of the ticks at their left.
    """

    diagrams: tuple[Diagram, ...]
    risks: tuple[Risk, ...]
    shares: tuple[tuple[float, float, float], ...]
    coverages: tuple[tuple[float, int], ...]
    percents: tuple[tuple[float, int], ...]
    width = WIDTH
    height = HEIGHT
    left = LEFT
    right = RIGHT
    top = TOP
    bottom = BOTTOM


def confidence_charts(
    answers: Mapping[str, tuple[np.ndarray, np.ndarray]], thresholds: Mapping[str, float | None]
) -> ConfidenceCharts:
    """All domains in either chart.

    Args:
        answers: Domain -> (Q,) float64 confidences and (Q,) bool, whether each query is located within the radius. At
            least one domain.
        thresholds: Domain -> confidence from which queries are answered; None if none are.
    """
    numbered = [(name, style(number), *pair) for number, (name, pair) in enumerate(answers.items())]
    worst = max(float(_risks(*pair)[1].max()) for pair in answers.values())
    highest = next((top for top in TOPS if top >= worst), TOPS[-1])
    return ConfidenceCharts(
        tuple(Diagram(name, look, _bins(confidence, right)) for name, look, confidence, right in numbered),
        tuple(
            Risk(name, look, *_risk(confidence, right, thresholds[name], highest))
            for name, look, confidence, right in numbered
        ),
        tuple((_x(share), _y(share), share) for share in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        tuple((_x(percent / 100), percent) for percent in range(0, 101, 20)),
        tuple((_y(percent / highest), percent) for percent in range(0, highest + 1, highest // 5)),
    )


def _x(share: float) -> float:
    return round(LEFT + (RIGHT - LEFT) * share, 1)


def _y(share: float) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * share, 1)


def _bins(confidence: np.ndarray, right: np.ndarray) -> tuple[Bin, ...]:
    found, made = reliability(confidence, right), []
    for queries, mean, share in zip(found.queries.tolist(), found.confidence, found.right, strict=True):
        if queries:
            low, high = wilson(round(share * queries), queries)
            radius = round(max(2.0, LARGEST * (queries / len(right)) ** 0.5), 1)
            ends = _y(low / 100), _y(high / 100)
            made.append(Bin(_x(mean), _y(share), radius, *ends, queries, float(mean), float(share)))
    return tuple(made)


def _risks(confidence: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coverage from 0 to 1, and percent of wrong ones among the answered, at each confidence that occurs."""
    curve = risk_coverage(confidence, right)
    return curve.answered / curve.queries, 100 * curve.wrong / curve.answered


def _risk(
    confidence: np.ndarray, right: np.ndarray, threshold: float | None, highest: int
) -> tuple[str, tuple[float, float] | None, str]:
    """The polyline, the point of the threshold, and what is to be read there."""
    coverage, risk = _risks(confidence, right)
    kept = np.unique(np.linspace(0, len(risk) - 1, MOST).round().astype(np.int64))
    line = " ".join(f"{_x(coverage[row])},{_y(risk[row] / highest)}" for row in kept)
    answered = 0 if threshold is None else int((confidence >= threshold).sum())
    if not answered:
        return line, None, ""
    wrong = 100 * float((~right[confidence >= threshold]).mean())
    point = _x(answered / len(right)), _y(wrong / highest)
    return line, point, f"{100 * answered / len(right):.1f} % answered, {wrong:.1f} % of these wrong"
