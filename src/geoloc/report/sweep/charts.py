"""Geometry of a sweep's charts: an axis for each key, parallel coordinates over all of them, and a scatter of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from geoloc.report.sweep.leaderboard import Board, Entry

HEIGHT, TOP, SIDE = 230, 42, 112  # pixels of the parallel coordinates: of an axis, above, beside
WIDE, NARROW, BROAD = 820, 100, 260  # pixels: all axes together, two axes at least and at most apart
LONG = 190  # pixels of the longest name
SMALL = 200, 120  # of a scatter
LOG_FROM = 30  # positive numbers that span this factor or more are drawn by their logarithm
TICKS = 6  # labels of an axis of numbers at most
APART = 0.09  # of the axis, between two labels


@dataclass(frozen=True)
class Axis:
    """Where the values of one key lie.

    Attributes:
        name: Of the key.
        at: {value as typed: position from 0 (low) to 1 (high)}.
        ticks: (position, label), none upon another.
        numbers: Whether the values are numbers; else each has a place of its own.
    """

    name: str
    at: dict[str, float]
    ticks: list[tuple[float, str]]
    numbers: bool


@dataclass(frozen=True)
class Line:
    """One job in the parallel coordinates.

    Attributes:
        entry: The job.
        points: (x, y) in pixels on each axis; a job without results ends at the last of its keys.
        share: From 0 for the lowest to 1 for the highest mean recall.
    """

    entry: Entry
    points: list[tuple[float, float]]
    share: float

    @property
    def path(self) -> str:
        """Points of an SVG polyline."""
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in self.points)


@dataclass(frozen=True)
class Parallel:
    """Parallel coordinates.

    Attributes:
        axes: (x in pixels, axis).
        lines: One a job, the best last so that it is drawn on top.
        width, height: Of the picture, in pixels.
        top, bottom: Where the axes begin and end, in pixels.
        narrow: Whether names of axes would run into each other in one line.
    """

    axes: list[tuple[float, Axis]]
    lines: list[Line]
    width: float
    narrow: bool
    height: float = HEIGHT + TOP + 20
    top: float = TOP
    bottom: float = HEIGHT + TOP


@dataclass(frozen=True)
class Scatter:
    """Mean recall by one key.

    Attributes:
        name: Of the key.
        points: (entry, x, y) in pixels; recall grows upwards.
        xs: (x in pixels, label).
        ys: (y in pixels, label).
        width, height: In pixels.
    """

    name: str
    points: list[tuple[Entry, float, float]]
    xs: list[tuple[float, str]]
    ys: list[tuple[float, str]]
    width: float = SMALL[0]
    height: float = SMALL[1]


def axis_of(name: str, values: Sequence[str]) -> Axis:
    """The axis of a key: linear or logarithmic if all values are numbers, else a place for each.

    Args:
        name: Of the key.
        values: As typed, in the sweep's order; "" where a job was not given any.

    Example:
        >>> axis_of("lr", ["0.001", "0.1", "1e-2"]).at
        {'0.001': 0.0, '0.1': 1.0, '1e-2': 0.5}
        >>> axis_of("aug", ["night", "none", "night"]).at
        {'night': 0.0, 'none': 1.0}
    """
    distinct = list(dict.fromkeys(values))
    numbers = [_number(value) for value in distinct]
    if any(number is None for number in numbers):
        places = [place / (len(distinct) - 1) if len(distinct) > 1 else 0.5 for place in range(len(distinct))]
        labels = [value or "(not given)" for value in distinct]
        return Axis(name, dict(zip(distinct, places, strict=True)), list(zip(places, labels, strict=True)), False)
    found = [number for number in numbers if number is not None]
    if not found:
        return Axis(name, {}, [], True)
    log = min(found) > 0 and max(found) >= LOG_FROM * min(found)
    scaled = [math.log(number) if log else number for number in found]
    low, high = min(scaled), max(scaled)
    places = [(value - low) / (high - low) if high > low else 0.5 for value in scaled]
    return Axis(name, dict(zip(distinct, places, strict=True)), _ticks(places, found, log), True)


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _ticks(places: Sequence[float], numbers: Sequence[float], log: bool) -> list[tuple[float, str]]:
    """Labels of an axis of numbers: its values if these are few, else ends and thirds between."""
    known = sorted({round(place, 9): number for place, number in zip(places, numbers, strict=True)}.items())
    if len(known) > TICKS:
        low, high = min(numbers), max(numbers)
        parts = [part / 3 for part in range(4)]
        known = [(part, low * (high / low) ** part if log else low + part * (high - low)) for part in parts]
    ticks: list[tuple[float, str]] = []
    for place, number in known:
        if not ticks or place - ticks[-1][0] >= APART:
            ticks.append((place, short(number)))
    return ticks


def short(number: float) -> str:
    """A number in three digits and few letters.

    Example:
        >>> short(0.0001), short(0.000214), short(12.34), short(1e-05), short(5000)
        ('0.0001', '2.1e-4', '12.3', '1e-5', '5000')
    """
    if 1000 <= abs(number) < 100_000:
        return f"{number:.0f}"
    text = f"{number:.3g}"
    if len(text) <= 6:
        return text.replace("e-0", "e-")
    digits, _, power = f"{number:.1e}".partition("e")
    return f"{digits.removesuffix('.0')}e{int(power)}"


def _axes(board: Board) -> list[Axis]:
    """One for each swept key, in the sweep's order of values, and one for the mean recall."""
    entries = sorted(board.entries, key=lambda entry: (len(entry.job.name), entry.job.name))
    keys = list(entries[0].keys) if entries else []
    axes = [axis_of(key, [entry.keys[key] for entry in entries]) for key in keys]
    return [*axes, axis_of(f"mean R@{board.n}", [_said(entry) for entry in entries if entry.mean is not None])]


def _said(entry: Entry) -> str:
    """The mean recall as an axis knows it."""
    return f"{entry.mean:.2f}"


def parallel(board: Board) -> Parallel | None:
    """Parallel coordinates over the swept keys and the mean recall.

    Args:
        board: The jobs.

    Returns:
        None if there is nothing to compare: no key differs, or no job has a recall.
    """
    *keys, recall = _axes(board)
    if not keys or not recall.at:
        return None
    apart = min(BROAD, max(NARROW, WIDE / len(keys)))
    at = [(SIDE + apart * place, axis) for place, axis in enumerate([*keys, recall])]
    lines = []
    for entry in reversed(board.entries):
        values = [*entry.keys.values(), *([_said(entry)] if entry.mean is not None else [])]
        places = [(x, axis.at[value]) for (x, axis), value in zip(at, values, strict=False)]
        share = 0.0 if entry.mean is None else recall.at[_said(entry)]
        lines.append(Line(entry, [(x, TOP + HEIGHT * (1 - place)) for x, place in places], share))
    return Parallel(at, lines, at[-1][0] + SIDE, narrow=apart < LONG)


def scatters(board: Board) -> list[Scatter]:
    """Mean recall by each swept key alone; a key whose jobs with a recall share one value has none."""
    *keys, recall = _axes(board)
    judged = [entry for entry in board.entries if entry.mean is not None]
    return [_scatter(axis, recall, judged) for axis in keys if len({entry.keys[axis.name] for entry in judged}) > 1]


def _scatter(axis: Axis, recall: Axis, judged: list[Entry]) -> Scatter:
    width, height = SMALL
    # Places of words are left some room at both sides, where numbers reach to the ends.
    inset = 0.0 if axis.numbers else 0.12

    def x(place: float) -> float:
        return width * (inset + (1 - 2 * inset) * place)

    aside = [0.0] if axis.numbers else [-6.0, 0.0, 6.0, -3.0, 3.0]  # so that points at one word do not hide each other
    points = [
        (entry, x(axis.at[entry.keys[axis.name]]) + aside[i % len(aside)], height * (1 - recall.at[_said(entry)]))
        for i, entry in enumerate(judged)
    ]
    ys = [recall.ticks[0], recall.ticks[-1]] if len(recall.ticks) > 1 else recall.ticks
    return Scatter(
        axis.name, points, [(x(place), label) for place, label in axis.ticks], [(height * (1 - p), t) for p, t in ys]
    )
