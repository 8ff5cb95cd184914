"""The loss and the validated recalls by epoch, as charts with axes. The template draws them as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from geoloc.report.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, style
from geoloc.report.history import LOSS, Points, recall_name

TICKS = 8  # at most so many steps below


@dataclass(frozen=True)
class Course:
    """One line; it ends where a value is not finite.

    Attributes:
        name: In the legend.
        style: Its colour and dashes.
        lines: Points of SVG polylines.
        dots: (x, y, epochs, value) of each finite value.
        lost: Number of values that are not finite.
    """

    name: str
    style: str
    lines: tuple[str, ...]
    dots: tuple[tuple[float, float, int, float], ...]
    lost: int


@dataclass(frozen=True)
class TrainingChart:
    """Lines along one axis of epochs.

    Attributes:
        what: Of the values.
        courses: The lines.
        epochs: (x, epochs) of the ticks below.
        values: (y, label) of the ticks at the left.
    """

    what: str
    courses: tuple[Course, ...]
    epochs: tuple[tuple[float, int], ...]
    values: tuple[tuple[float, str], ...]
    width = WIDTH
    height = HEIGHT
    left = LEFT
    right = RIGHT
    bottom = BOTTOM


def training_charts(history: Mapping[str, Points]) -> list[TrainingChart]:
    """A chart of the loss and one of all recalls; what a run has not, such as a validation, has no chart.

    Args:
        history: See `read_history`.
    """
    recalls = {recall_name(name): points for name, points in history.items() if name != LOSS}
    epochs = [epoch for points in history.values() for epoch, _ in points]  # both charts have one axis
    charts = [_chart("training loss", {LOSS: history[LOSS]}, epochs)] if LOSS in history else []
    return [*charts, _chart("validated recall in percent", recalls, epochs)] if recalls else charts


def _chart(what: str, lines: Mapping[str, Points], epochs: list[int]) -> TrainingChart:
    finite = [value for points in lines.values() for _, value in points if math.isfinite(value)]
    first, last, step = min(epochs), max(epochs), round_step((max(epochs) - min(epochs)) / TICKS, whole=True)
    each = round_step(max(finite, default=1.0) / 5)
    top = each * max(1, math.ceil(max(finite, default=1.0) / each - 1e-9))

    def x(epoch: int) -> float:
        return round(LEFT + (RIGHT - LEFT) * (epoch - first) / ((last - first) or 1), 1)

    def y(value: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * value / top, 1)

    courses = tuple(_course(name, number, points, x, y) for number, (name, points) in enumerate(lines.items()))
    below = [epoch for epoch in range(first, last + 1) if (epoch - first) % step == 0]
    left = [each * number for number in range(round(top / each) + 1)]
    return TrainingChart(
        what, courses, tuple((x(epoch), epoch) for epoch in below), tuple((y(value), f"{value:.4g}") for value in left)
    )


def _course(name: str, number: int, points: Points, x: Callable[[int], float], y: Callable[[float], float]) -> Course:
    pieces: list[list[tuple[float, float, int, float]]] = [[]]
    for epoch, value in points:
        if math.isfinite(value):
            pieces[-1].append((x(epoch), y(value), epoch, value))
        else:
            pieces.append([])
    lines = tuple(" ".join(f"{dot[0]},{dot[1]}" for dot in piece) for piece in pieces if len(piece) > 1)
    dots = tuple(dot for piece in pieces for dot in piece)
    return Course(name, style(number), lines, dots, len(points) - len(dots))


def round_step(least: float, whole: bool = False) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is not less; whole: and no less than 1.

    Example:
        >>> round_step(0.013), round_step(3.0), round_step(0.4, whole=True), round_step(0.0)
        (0.02, 5, 1, 1)
    """
    least = max(least, 1) if whole else least
    if least <= 0:
        return 1
    power = 10.0 ** math.floor(math.log10(least))
    step = next(times * power for times in (1, 2, 5, 10) if times * power >= least * (1 - 1e-9))
    return int(step) if step >= 1 else step
