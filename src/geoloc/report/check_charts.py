"""Where bars and points of the check's page lie. Pure functions; the template draws them as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

WIDTH, HEIGHT = 300, 110  # of a bar chart's plot, in pixels
SIDE = 480  # of a map's longer side
LEAST = 24  # of its shorter side
CELLS = 150  # along the longer side; one point is drawn in each
TICKS = 4  # at most so many steps along the longer side
STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Bar:
    """A bar of a histogram: its left edge, upper edge, width and height in pixels, its label and its count."""

    x: float
    y: float
    width: float
    height: float
    label: str
    count: int

    @property
    def middle(self) -> float:
        """Of its width."""
        return round(self.x + self.width / 2, 1)


def bars(counts: Mapping[str, int]) -> list[Bar]:
    """A histogram, as high as its largest count.

    Args:
        counts: Label -> count; at least one.

    Example:
        >>> [(bar.x, bar.y, bar.height) for bar in bars({"a": 1, "b": 4})]
        [(2.0, 82.5, 27.5), (152.0, 0.0, 110.0)]
    """
    most = max(counts.values()) or 1
    step = WIDTH / len(counts)
    return [
        Bar(
            round(number * step + 2, 1),
            round(HEIGHT * (1 - count / most), 1),
            round(step - 4, 1),
            round(HEIGHT * count / most, 1),
            label,
            count,
        )
        for number, (label, count) in enumerate(counts.items())
    ]


@dataclass(frozen=True)
class Map:
    """Positions of a domain from above, north up.

    Attributes:
        width: Pixels.
        height: Pixels.
        database: (x, y) of points in pixels.
        queries: Likewise.
        across: (x, label) of ticks below, from the western edge.
        up: (y, label) of ticks at the left, from the southern edge.
        unit: Of the labels, "m" or "km".
    """

    width: float
    height: float
    database: list[tuple[float, float]]
    queries: list[tuple[float, float]]
    across: list[tuple[float, str]]
    up: list[tuple[float, str]]
    unit: str


def map_of(database: np.ndarray, queries: np.ndarray) -> Map:
    """A map of both sides; of points in the same cell of a fine grid one is drawn.

    Args:
        database: (N, 2) float64 metres, easting and northing.
        queries: (Q, 2) float64 metres.
    """
    both = np.concatenate([database, queries])
    corner = both.min(axis=0)
    size = np.ptp(both, axis=0)
    longest = float(size.max()) or 1.0
    scale = SIDE / longest
    width, height = (max(LEAST, round(float(side) * scale, 1)) for side in size)
    # A street that runs straight along an axis lies in the middle of the map.
    shift = (np.array([width, height]) - size * scale) / 2

    def points(xy: np.ndarray) -> list[tuple[float, float]]:
        cells = np.unique(((xy - corner) / longest * CELLS).round(), axis=0)
        placed = cells / CELLS * longest * scale + shift
        return [(round(x, 1), round(height - y, 1)) for x, y in placed.tolist()]

    step, unit, metres = _step(longest)
    labels = [number * step for number in range(int(longest / step) + 1)]
    across = [(round(value * scale + shift[0], 1), f"{value / metres:g}") for value in labels if value <= size[0]]
    up = [(round(height - value * scale - shift[1], 1), f"{value / metres:g}") for value in labels if value <= size[1]]
    return Map(width, height, points(database), points(queries), across, up, unit)


def _step(longest: float) -> tuple[float, str, int]:
    """Metres between two ticks, and the unit of their labels with its metres.

    Example:
        >>> _step(170.0), _step(4400.0)
        ((50.0, 'm', 1), (2000.0, 'km', 1000))
    """
    step = next(
        float(first * 10.0**power)
        for power in range(-3, 8)
        for first in STEPS
        if longest / (first * 10.0**power) <= TICKS
    )
    return (step, "km", 1000) if step >= 1000 else (step, "m", 1)
