"""The rows of a comparison's tables: a run, a domain or one of its conditions, and an N, with the corrected p-value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from geoloc.evaluate.before_after import Change
from geoloc.evaluate.holm import holm
from geoloc.report.changes import HEAD as CHANGE_HEAD
from geoloc.report.changes import change_cells, p_cell
from geoloc.report.compare.pairs import Pair
from geoloc.report.compare.runs import Run

HEAD = [*CHANGE_HEAD, "p (Holm)"]
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Comparison:
    """A run against the baseline.

    Attributes:
        run: The run.
        pairs: Of the domains that both have.
        left_out: A line for each domain and recall value that one has alone.
    """

    run: Run
    pairs: list[Pair]
    left_out: list[str]


@dataclass(frozen=True)
class Row:
    """A line of a table.

    Attributes:
        pair: The domain in the two runs.
        condition: Of the queries; empty for all.
        n: Of the recall.
        change: Of the recall.
        p_holm: p-value of the change, corrected for all rows of its table, of all runs.
    """

    pair: Pair
    condition: str
    n: int
    change: Change
    p_holm: float

    @property
    def label(self) -> str:
        """Domain and condition."""
        return f"{self.pair.label}{', ' * bool(self.condition)}{self.condition}"

    @property
    def verdict(self) -> Literal["better", "worse", "open"]:
        """What the corrected p-value allows to say at a level of 5 %."""
        if self.p_holm >= SIGNIFICANT:
            return "open"
        return "better" if self.change.difference > 0 else "worse"

    def cells(self) -> list[str]:
        """One for each of `HEAD`."""
        return [self.label, *change_cells(self.n, self.change), p_cell(self.p_holm)]


def domain_rows(found: Sequence[Comparison]) -> list[list[Row]]:
    """The rows of each run's table of domains."""
    return _corrected(
        [[(pair, "", n, change) for pair in each.pairs for n, change in pair.changes.items()] for each in found]
    )


def slice_rows(found: Sequence[Comparison]) -> list[list[Row]]:
    """The rows of each run's table of conditions; none for domains without them."""
    return _corrected(
        [
            [
                (pair, condition, n, change)
                for pair in each.pairs
                for condition, own in pair.slices.items()
                for n, change in own.items()
            ]
            for each in found
        ]
    )


def _corrected(tables: list[list[tuple[Pair, str, int, Change]]]) -> list[list[Row]]:
    """All tables together are one family of tests."""
    ps = iter(holm([change.p for table in tables for *_, change in table]))
    return [[Row(*line, next(ps)) for line in table] for table in tables]
