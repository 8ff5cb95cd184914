"""Where the points of the page's line charts lie. Pure functions; the template draws them as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

WIDTH, HEIGHT = 640, 300  # of the radius chart, in pixels
LEFT, RIGHT, TOP, BOTTOM = 48, 612, 24, 256  # edges of its plot
TOPS = (5, 10, 25, 50, 100)  # percent at the upper edge; each is cut into five
ABOVE, BELOW = 8, 17  # pixels from a point to the baseline of its label
APART, DOT = 12, 4  # height of a label, radius of a dot
COLOURS = 6  # that the template has; more lines than that are dashed
DASHES = 3


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
