"""Recall at every N that was saved, with its interval, as a chart of all domains. The template draws it as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from geoloc.evaluate.recall import wilson
from geoloc.report.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, TOPS, WIDTH, style

TICKS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)


@dataclass(frozen=True)
class Curve:
    """One domain: a dot (x, y, N, recall) a rank, and its 95 % band as the points of an SVG polygon."""

    name: str
    style: str
    dots: tuple[tuple[float, float, int, float], ...]
    band: str

    @property
    def line(self) -> str:
        """Points of an SVG polyline."""
        return " ".join(f"{x},{y}" for x, y, _, _ in self.dots)


@dataclass(frozen=True)
class RecallChart:
    """Recall against N.

    Attributes:
        curves: One a domain, in the given order.
        ranks: (x, N) of the ticks below.
        percents: (y, percent) of the ticks at the left.
    """

    curves: tuple[Curve, ...]
    ranks: tuple[tuple[float, int], ...]
    percents: tuple[tuple[float, int], ...]
    width = WIDTH
    height = HEIGHT
    left = LEFT
    right = RIGHT
    bottom = BOTTOM


def recall_chart(counts: Mapping[str, np.ndarray], queries: Mapping[str, int]) -> RecallChart:
    """All domains in one chart: N on a logarithmic axis, percent from 0 on a linear one.

    Args:
        counts: Domain -> (k,) number of queries right within the first 1 to k predictions. At least one domain.
        queries: Domain -> number of queries.
    """
    most = max(len(right) for right in counts.values())
    bands = {name: [wilson(int(n), queries[name]) for n in right] for name, right in counts.items()}
    above = max(high for band in bands.values() for _, high in band)
    highest = next((top for top in TOPS if top >= above), TOPS[-1])

    def x(n: int) -> float:
        return round(LEFT + (RIGHT - LEFT) * float(np.log(n) / (np.log(most) or 1)), 1)

    def y(percent: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * percent / highest, 1)

    curves = []
    for number, (name, right) in enumerate(counts.items()):
        recalls = [100 * int(n) / queries[name] for n in right]
        dots = tuple((x(n), y(recall), n, recall) for n, recall in enumerate(recalls, 1))
        ahead = [f"{x(n)},{y(low)}" for n, (low, _) in enumerate(bands[name], 1)]
        back = [f"{x(n)},{y(high)}" for n, (_, high) in enumerate(bands[name], 1)][::-1]
        curves.append(Curve(name, style(number), dots, " ".join(ahead + back)))
    percents = tuple((y(percent), percent) for percent in range(0, highest + 1, highest // 5))
    return RecallChart(tuple(curves), tuple((x(n), n) for n in TICKS if n <= most), percents)
