"""What forbids a comparison of two runs, and what it leaves out."""

from __future__ import annotations

from geoloc.report.compare.pairs import Pair
from geoloc.report.compare.runs import Run


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
    """A line for each domain and recall value that one of the two has alone, and for conditions that differ.

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
    return lines + [
        f"{pair.domain}: its conditions are not compared: {pair.other_conditions} queries have another one in"
        f" {after.name} than in {before.name} (slices=... of the two runs differ)"
        for pair in pairs
        if pair.other_conditions
    ]
