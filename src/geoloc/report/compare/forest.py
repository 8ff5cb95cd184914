"""Where the marks of the page's differences lie. Pure functions; the template draws them as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from geoloc.evaluate.before_after import Change

WIDTH, MARGIN = 150, 6  # pixels; the dots at both ends stay whole
LIMITS = (1, 2, 5, 10, 20, 30, 40, 50, 75, 100)  # points at the ends of the axis


@dataclass(frozen=True)
class Bar:
    """An interval with its difference, in pixels from the left."""

    low: float
    dot: float
    high: float


@dataclass(frozen=True)
class Forest:
    """Differences of one table on one axis, 0 in its middle.

    Attributes:
        limit: Points at the right end; as many below 0 at the left.
        bars: One for each change.
    """

    limit: int
    bars: tuple[Bar, ...]
    width = WIDTH
    margin = MARGIN


def limit_of(changes: Sequence[Change]) -> int:
    """Points at the end of an axis that holds all differences and their intervals.

    Args:
        changes: Of all tables that are to be read together.
    """
    most = max((abs(value) for each in changes for value in (each.difference, *each.ci95)), default=0)
    return next(limit for limit in LIMITS if limit >= min(most, LIMITS[-1]))


def forest(changes: Sequence[Change], limit: int) -> Forest:
    """Lay out differences.

    Args:
        changes: One for each row.
        limit: See `limit_of`.

    Example:
        >>> forest([Change(50, 55, 5, (-5, 10), 5, 0, 0.5, 20)], 10).bars
        (Bar(low=40.5, dot=109.5, high=144.0),)
    """

    def x(points: float) -> float:
        return round(WIDTH / 2 + (WIDTH / 2 - MARGIN) * points / limit, 1)

    return Forest(limit, tuple(Bar(x(each.ci95[0]), x(each.difference), x(each.ci95[1])) for each in changes))
