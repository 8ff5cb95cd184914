"""Two finished runs side by side, domain by domain and query by query.

A query is the same in both if its path is; so recalls are compared on pairs (McNemar, see `evaluate.before_after`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from geoloc.errors import InputError
from geoloc.evaluate.before_after import Change, changes
from geoloc.evaluate.meters import median
from geoloc.evaluate.rules import differences
from geoloc.places import UNKNOWN
from geoloc.report.compare.answers import Answer
from geoloc.report.compare.runs import Run


@dataclass(frozen=True)
class Flip:
    """A query that is right in one run alone, within the first N for at least one N.

    Attributes:
        query: Its path.
        before: What the baseline found.
        after: What the other run found.
        at: The N.
    """

    query: str
    before: Answer
    after: Answer
    at: list[int]

    @property
    def helped(self) -> bool:
        """Whether it became right; it does so at all of its N, or at none."""
        return 0 < self.after.rank <= self.at[0]

    @property
    def gain(self) -> float:
        """Difference of the reciprocal ranks: 1 from none to the first, little between two late ranks."""
        before, after = (1 / answer.rank if answer.rank else 0.0 for answer in (self.before, self.after))
        return after - before


@dataclass(frozen=True)
class Pair:
    """A domain in two runs.

    Attributes:
        domain: Its name.
        ns: N of the recalls that both have, ascending.
        before: Query -> what the baseline found.
        after: The same in the other run, of the same queries.
        apart: What was judged otherwise: what it is about -> in the baseline, in the other.
        metres_per_frame: Of the baseline, whose metres stand for frames; None: for metres.
    """

    domain: str
    ns: list[int]
    before: dict[str, Answer]
    after: dict[str, Answer]
    apart: dict[str, tuple[str, str]]
    metres_per_frame: float | None = None

    @property
    def label(self) -> str:
        """Its name in tables; one that was judged otherwise says so."""
        return f"{self.domain}{' (OTHER PROTOCOL)' * bool(self.apart)}"

    @cached_property
    def changes(self) -> dict[int, Change]:
        """N -> change of recall from the baseline to the other run."""
        return self._changes(list(self.before))

    @cached_property
    def slices(self) -> dict[str, dict[int, Change]]:
        """Condition -> N -> change, of its queries alone, "unknown" last.

        Empty if there are fewer than two conditions, or if the runs do not agree on them.
        """
        found = sorted({answer.condition for answer in self.before.values()}, key=lambda each: (not each, each))
        if len(found) < 2 or self.other_conditions:
            return {}
        return {
            condition or UNKNOWN: self._changes([q for q, one in self.before.items() if one.condition == condition])
            for condition in found
        }

    @cached_property
    def other_conditions(self) -> int:
        """Number of queries that have another condition in the other run."""
        return sum(one.condition != self.after[query].condition for query, one in self.before.items())

    @cached_property
    def flips(self) -> list[Flip]:
        """The queries that flipped, in the order of the baseline's file."""
        found = []
        for query, one in self.before.items():
            other = self.after[query]
            at = [n for n in self.ns if (0 < one.rank <= n) != (0 < other.rank <= n)]
            found += [Flip(query, one, other, at)] * bool(at)
        return found

    def medians(self) -> tuple[float, float]:
        """Median metres from the queries to their first predictions, in the baseline and in the other run."""
        before, after = (
            median(np.array([answers[query].top[0].meters for query in self.before]))
            for answers in (self.before, self.after)
        )
        return before, after

    def _changes(self, queries: Sequence[str]) -> dict[int, Change]:
        return changes(self._hits(self.before, queries), self._hits(self.after, queries), self.ns)

    def _hits(self, answers: dict[str, Answer], queries: Sequence[str]) -> np.ndarray:
        """(Q, n) bool in the order of the queries."""
        rank = np.array([answers[query].rank for query in queries])[:, None]
        return (rank > 0) & (rank <= np.array(self.ns))


def paired(before: Run, after: Run) -> list[Pair]:
    """The domains that two runs share.

    Args:
        before: The baseline.
        after: The other.

    Raises:
        InputError: They share no domain, or one of which the queries or all recall values differ; files that do not
            belong together.
    """
    one, other = before.judged(), after.judged()
    common = [name for name in one if name in other]
    if not common:
        each = (f"{run.name} has {', '.join(run.judged()) or 'judged nothing'}" for run in (before, after))
        raise InputError(f"runs: share no domain: {', '.join(each)}")
    pairs: list[Pair] = []
    problems: list[str] = []
    for name in common:
        try:
            pairs.append(_pair(before, after, name))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(*problems)
    return pairs


def _pair(before: Run, after: Run, domain: str) -> Pair:
    one, other = before.judged()[domain], after.judged()[domain]
    ns = sorted(int(n) for n in one["recalls"] if n in other["recalls"])
    if not ns:
        each = (f"{run.name} has {', '.join(run.judged()[domain]['recalls'])}" for run in (before, after))
        raise InputError(f"runs: {domain}: they share no recall value: {'; '.join(each)}")
    first, second = before.answers(domain), after.answers(domain)
    common = first.keys() & second.keys()
    if not len(common) == len(first) == len(second):
        raise InputError(
            f"runs: {domain}: {before.name} has {len(first)} queries and {after.name} {len(second)}, of which"
            f" {len(common)} are the same; results of other queries can never be paired"
        )
    apart = differences(one, other)
    prints = [run.results.get("fingerprints", {}).get(domain) for run in (before, after)]
    if prints[0] != prints[1]:
        of_one, of_other = (
            f"{facts['database']} database images, fingerprint {str(mark)[:8]}"
            for facts, mark in zip((one, other), prints, strict=True)
        )
        apart["photos"] = (of_one, of_other)
    return Pair(domain, ns, first, second, apart, one.get("protocol", {}).get("metres_per_frame"))
