"""Two finished runs side by side, domain by domain and query by query, from what lies in their folders.

A query is the same in both if its path is; so recalls are compared on pairs (McNemar, see `evaluate.before_after`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from geoloc.errors import InputError
from geoloc.evaluate.before_after import Change, changes
from geoloc.evaluate.rules import differences
from geoloc.report.predictions import first_right


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        name: What it is called in tables.
        folder: Where it lies.
        results: Its results.json.
    """

    name: str
    folder: Path
    results: Mapping[str, Any]

    def judged(self) -> dict[str, Any]:
        """Domain -> its entry in results.json, of those with a recall."""
        return {name: facts for name, facts in self.results.get("domains", {}).items() if facts.get("recalls")}


@dataclass(frozen=True)
class Flip:
    """A query that is right in one run alone, within the first N for at least one N.

    Attributes:
        query: Its path.
        before: Rank of the first correct prediction in the baseline; 0 if none of those saved is correct.
        after: The same in the other run.
        at: The N.
    """

    query: str
    before: int
    after: int
    at: list[int]


@dataclass(frozen=True)
class Pair:
    """A domain in two runs.

    Attributes:
        domain: Its name.
        ns: N of the recalls that both have, ascending.
        before: Query -> rank of its first correct prediction in the baseline; 0 if there is none.
        after: The same in the other run, of the same queries.
        apart: What was judged otherwise: what it is about -> in the baseline, in the other.
    """

    domain: str
    ns: list[int]
    before: dict[str, int]
    after: dict[str, int]
    apart: dict[str, tuple[str, str]]

    def changes(self) -> dict[int, Change]:
        """N -> change of recall from the baseline to the other run."""
        return changes(self._hits(self.before), self._hits(self.after), self.ns)

    def flips(self) -> list[Flip]:
        """The queries that flipped, in the order of the baseline's file."""
        found = []
        for query, one in self.before.items():
            other = self.after[query]
            at = [n for n in self.ns if (0 < one <= n) != (0 < other <= n)]
            found += [Flip(query, one, other, at)] * bool(at)
        return found

    def _hits(self, ranks: dict[str, int]) -> np.ndarray:
        """(Q, n) bool in the order of the baseline's queries."""
        rank = np.array([ranks[query] for query in self.before])[:, None]
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
    first, second = _ranks(before, domain), _ranks(after, domain)
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
    return Pair(domain, ns, first, second, apart)


def _ranks(run: Run, domain: str) -> dict[str, int]:
    """First correct ranks of the queries of a domain.

    Raises:
        InputError: They yield other recalls than results.json tells.
    """
    path, facts = run.folder / "predictions" / f"{domain}.csv", run.judged()[domain]
    ranks = first_right(path)
    for n, recall in facts["recalls"].items():
        right = sum(0 < rank <= int(n) for rank in ranks.values())
        if len(ranks) != facts["queries"] or abs(100 * right / facts["queries"] - recall) > 1e-6:
            raise InputError(
                f"{path}: {right} of {len(ranks)} queries are right within {n}, and results.json says {recall:.2f} % of"
                f" {facts['queries']}; one of the two is not of this run"
            )
    return ranks


def refusals(before: Run, after: Run, pairs: list[Pair]) -> list[str]:
    """A line for each thing in which a domain was judged otherwise.

    Args:
        before: The baseline.
        after: The other.
        pairs: Of them.
    """
    return [
        f"runs: {pair.domain}: {about} differs: {one} in {before.name}, {other} in {after.name}; numbers under"
        " different protocols cannot be compared (other_protocols=true compares them all the same)"
        for pair in pairs
        for about, (one, other) in pair.apart.items()
    ]


def left_out(before: Run, after: Run, pairs: list[Pair]) -> list[str]:
    """A line for each domain and recall value that one of the two has alone.

    Args:
        before: The baseline.
        after: The other.
        pairs: Of them.
    """
    lines = []
    for run, other in ((before, after), (after, before)):
        alone = [name for name in run.judged() if name not in other.judged()]
        lines += [f"{name}: only {run.name} has judged it, not {other.name}" for name in alone]
        for pair in pairs:
            more = [f"R@{n}" for n in run.judged()[pair.domain]["recalls"] if int(n) not in pair.ns]
            lines += [f"{pair.domain}: only {run.name} has {', '.join(more)}, not {other.name}"] * bool(more)
    return lines
