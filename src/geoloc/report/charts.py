"""Where the points of the page's line charts lie. Pure functions; the template draws them as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

WIDTH, HEIGHT = 640, 300  # of the radius chart, in pixels
LEFT, RIGHT, TOP, BOTTOM = 48, 612, 24, 256  # edges of its plot
TOPS = (5, 10, 25, 50, 100)  # percent at the upper edge; each is cut into five
ABOVE, BELOW = 8, 17  # pixels from a point to the baseline of its label
APART, DOT = 12, 4  # height of a label, radius of a dot
COLOURS = 6  # that the template has; more lines than that are dashed
DASHES = 3


@dataclass(frozen=True)
class Line:
    """A small line chart.

    Attributes:
        lines: Points of SVG polylines; one ends where a value is not finite.
        dots: (x, y) of each finite value.
        low: Value at the lower edge; NaN if no value is finite.
        high: Value at the upper edge.
        last: Last value.
        lost: Number of values that are not finite.
        width: Pixels.
        height: Pixels.
    """

    lines: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]
    low: float
    high: float
    last: float
    lost: int
    width: int
    height: int


@dataclass(frozen=True)
class Point:
    """A recall at a radius: where its dot lies and the baseline of its label, in pixels; None: no room for a label."""

    radius: float
    recall: float
    x: float
    y: float
    label_y: float | None = None


@dataclass(frozen=True)
class Series:
    """One domain's curve; `style` names its colour and dashes."""

    name: str
    style: str
    points: tuple[Point, ...]

    @property
    def line(self) -> str:
        """Points of an SVG polyline."""
        return " ".join(f"{point.x},{point.y}" for point in self.points)


@dataclass(frozen=True)
class RadiusChart:
    """Recall at 1 against the radius, of all domains.

    Attributes:
        series: One a domain, in the given order.
        radii: (x, metres) of the ticks below.
        percents: (y, percent) of the ticks at the left.
    """

    series: tuple[Series, ...]
    radii: tuple[tuple[float, float], ...]
    percents: tuple[tuple[float, int], ...]
    width = WIDTH
    height = HEIGHT
    left = LEFT
    right = RIGHT
    top = TOP
    bottom = BOTTOM


def style(number: int) -> str:
    """Class of the colour, and of the dashes, of a line of a chart."""
    return f"s{number % COLOURS} d{number // COLOURS % DASHES}"


def line_chart(points: Sequence[tuple[float, float]], width: int = 220, height: int = 70) -> Line:
    """A line over the whole chart, from its lowest value to its highest.

    Args:
        points: (x, value), ascending in x. At least one.
        width: Pixels.
        height: Pixels.

    Example:
        >>> line_chart([(0, 5.0), (1, 10.0), (2, math.nan), (3, 6.0), (4, 7.5)], width=100, height=50).lines
        ('0.0,50.0 25.0,0.0', '75.0,40.0 100.0,25.0')
    """
    finite = [value for _, value in points if math.isfinite(value)]
    low, high = min(finite, default=math.nan), max(finite, default=math.nan)
    left, right = points[0][0], points[-1][0]
    pieces: list[list[tuple[float, float]]] = [[]]
    for x, value in points:
        if math.isfinite(value):
            down = height * (high - value) / (high - low) if high > low else height / 2
            pieces[-1].append((round(width * (x - left) / ((right - left) or 1), 1), round(down, 1)))
        else:
            pieces.append([])
    lines = tuple(" ".join(f"{x},{y}" for x, y in piece) for piece in pieces if len(piece) > 1)
    dots = tuple(dot for piece in pieces for dot in piece)
    return Line(lines, dots, low, high, points[-1][1], len(points) - len(finite), width, height)


def radius_chart(curves: Mapping[str, Mapping[float, float]]) -> RadiusChart:
    """All domains in one chart: the radius on a logarithmic axis, percent from 0 on a linear one.

    Args:
        curves: Domain -> radius in metres, above 0 -> recall at 1 in percent. At least one radius.
    """
    radii = sorted({radius for curve in curves.values() for radius in curve})
    most = max(recall for curve in curves.values() for recall in curve.values())
    highest = next((top for top in TOPS if top >= most), TOPS[-1])
    decades = math.log10(radii[-1] / radii[0]) or 1

    def x(radius: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * math.log10(radius / radii[0]) / decades, 1)

    def y(percent: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * percent / highest, 1)

    points = {
        name: [Point(radius, curve[radius], x(radius), y(curve[radius])) for radius in sorted(curve)]
        for name, curve in curves.items()
    }
    for radius in radii:
        _label(points, radius)
    series = (Series(name, style(number), tuple(points[name])) for number, name in enumerate(curves))
    percents = tuple((y(percent), percent) for percent in range(0, highest + 1, highest // 5))
    return RadiusChart(tuple(series), tuple((x(radius), radius) for radius in radii), percents)


def _label(points: dict[str, list[Point]], radius: float) -> None:
    """Place the labels of one radius, from the highest point down, where they touch no other label and no dot."""
    places = [(name, number) for name, line in points.items() for number, at in enumerate(line) if at.radius == radius]
    places.sort(key=lambda place: points[place[0]][place[1]].y)
    dots = [points[name][number].y for name, number in places]
    labels: list[float] = []
    for name, number in places:
        point = points[name][number]
        others = [y for y in dots if y != point.y]  # a label at its own dot is clear of those that hide behind it
        for baseline in (point.y - ABOVE, point.y + BELOW):
            clear_of_labels = all(abs(baseline - other) >= APART for other in labels)
            clear_of_dots = not any(baseline - APART - DOT < y < baseline + DOT for y in others)
            if baseline <= BOTTOM and clear_of_labels and clear_of_dots:
                points[name][number] = replace(point, label_y=round(baseline, 1))
                labels.append(baseline)
                break
