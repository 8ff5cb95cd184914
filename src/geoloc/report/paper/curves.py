"""Curves for papers: recall at N, and recall at 1 by distance. Numbers in, a figure out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from geoloc.evaluate.recall import score
from geoloc.report.paper.ranked import Ranked
from geoloc.report.paper.style import look, new_figure, percent_axis, style

FEW = 30  # predictions up to which N has a linear axis
ASPECT = 0.68  # height of the axes' figure by its width, without the legend
LEGEND_LINE = 0.16  # inches


@dataclass(frozen=True)
class Curve:
    """Recall within the first 1, 2, ... k predictions.

    Attributes:
        recall: (k,) percent.
        low: (k,) lower end of the 95 % Wilson score interval.
        high: (k,) upper end.
        before: (k,) percent before post-processing; None if there was none.
    """

    recall: np.ndarray
    low: np.ndarray
    high: np.ndarray
    before: np.ndarray | None = None


def curve_of(found: Ranked, before: Ranked | None = None) -> Curve:
    """Recall at every N that the saved predictions tell.

    Args:
        found: Final order.
        before: Before post-processing.
    """
    queries, k = found.correct.shape
    ns = range(1, k + 1)
    scores = score(found.right_at().tolist(), queries, queries, ns, 0, 0.0)
    low, high = np.array([scores.ci95[n] for n in ns]).T
    raw = None if before is None else 100 * before.right_at() / queries
    return Curve(np.array([scores.recalls[n] for n in ns]), low, high, raw)


def recall_at_n(curves: Mapping[str, Curve], ns: Sequence[int], width: float) -> Figure:
    """Recall against N: a line a domain with its band, marked at the N of the tables; dotted before post-processing.

    Args:
        curves: Domain -> its curve.
        ns: N of the tables, where there are ticks.
        width: Inches.
    """
    with style():
        figure, axes = _figure(len(curves) + any(curve.before is not None for curve in curves.values()), width)
        most = max(len(curve.recall) for curve in curves.values())
        for number, (name, curve) in enumerate(curves.items()):
            drawn = np.arange(1, len(curve.recall) + 1)
            at = [n - 1 for n in ns if n <= len(drawn)]
            own = look(number)
            axes.fill_between(drawn, curve.low, curve.high, color=own["color"], alpha=0.16, linewidth=0)
            axes.plot(drawn, curve.recall, label=name, markevery=at, clip_on=False, **own)
            if curve.before is not None:
                axes.plot(drawn[: len(curve.before)], curve.before, color=own["color"], linestyle=":", linewidth=1)
        if any(curve.before is not None for curve in curves.values()):
            axes.plot([], [], color="#555555", linestyle=":", linewidth=1, label="before post-processing")
        ticks = [n for n in ns if n <= most] or [1, most]
        if most > FEW:
            axes.set_xscale("log")
        _ticks(axes, sorted({*ticks, 1, most} if most > 1.4 * max(ticks) else {*ticks, 1}))
        axes.set_xlim(1, max(most, 2))
        lows = [curve.low.min() for curve in curves.values()]
        lows += [curve.before.min() for curve in curves.values() if curve.before is not None]
        percent_axis(axes, min(lows), max(curve.high.max() for curve in curves.values()))
        axes.set_xlabel("N (first predictions)")
        axes.set_ylabel("Recall@N (%)")
        _legend(figure, axes, width)
        return figure


def recall_by_distance(
    curves: Mapping[str, Mapping[float, float]], width: float, radius: float | None = None
) -> Figure:
    """Recall at 1 against the distance within which a prediction counts as right.

    Args:
        curves: Domain -> metres, above 0 -> percent.
        width: Inches.
        radius: Metres that the tables count as right, drawn as a line; None: not the same for all.
    """
    with style():
        figure, axes = _figure(len(curves), width)
        for number, (name, curve) in enumerate(curves.items()):
            radii = sorted(curve)
            axes.plot(radii, [curve[each] for each in radii], label=name, clip_on=False, **look(number))
        radii = sorted({each for curve in curves.values() for each in curve})
        if radius is not None and radii[0] <= radius <= radii[-1]:
            axes.axvline(radius, color="#555555", linewidth=0.6, linestyle=(0, (4, 2)), zorder=1)
        axes.set_xscale("log")
        _ticks(axes, radii)
        axes.set_xlim(radii[0], radii[-1])
        percent_axis(axes, 0, max(max(curve.values()) for curve in curves.values()))
        axes.set_xlabel("right within (m)")
        axes.set_ylabel("Recall@1 (%)")
        _legend(figure, axes, width)
        return figure


def _figure(entries: int, width: float) -> tuple[Figure, Axes]:
    """A figure with room for a legend of so many entries below its axes, where it hides nothing."""
    lines = math.ceil(entries / _columns(entries, width)) if entries > 1 else 0
    figure = new_figure(width, ASPECT * width + LEGEND_LINE * lines, layout="constrained")
    return figure, figure.add_subplot()


def _legend(figure: Figure, axes: Axes, width: float) -> None:
    """Below the axes; a single line is named by the caption."""
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(handles, labels, loc="outside lower center", ncols=_columns(len(labels), width))


def _columns(entries: int, width: float) -> int:
    return max(1, min(entries, int(width / 1.6)))


def _ticks(axes: Axes, at: Sequence[float]) -> None:
    """Ticks of the horizontal axis at these values alone, in plain numbers."""
    axes.xaxis.set_major_locator(FixedLocator(at))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())
