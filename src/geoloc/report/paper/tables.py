"""tables.md and tables.tex: the recalls of all domains of a run with their intervals, to be copied into a paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from geoloc.evaluate.before_after import Change
from geoloc.evaluate.recall import score
from geoloc.evaluate.rules import told
from geoloc.report.changes import HEAD, change_cells, piped
from geoloc.report.escape import escaped

ABOUT = "Recall at N in percent of all queries, with 95 % Wilson score intervals."
Domains = Mapping[str, Mapping[str, Any]]  # as results.json has them
Row = tuple[str, bool, str, dict[int, tuple[float, float, float]]]  # name, of a part, queries, N -> recall, low, high


def markdown(domains: Domains) -> str:
    """tables.md.

    Args:
        domains: Of results.json.
    """
    rows, ns = _rows(domains), _ns(domains)
    head = ["domain", "queries", "database", *(f"R@{n}" for n in ns)]
    lines = [head]
    for name, part, queries, recalls in rows:
        cells = [f"{_value(recalls[n][0])} [{_value(recalls[n][1])}, {_value(recalls[n][2])}]" for n in ns]
        database = "" if part else str(domains[name]["database"])
        lines.append([f"- {name}" if part else name, queries, database, *cells])
    table = piped(lines, "---:")
    judged = "".join(f"- {name}: {told(facts)}\n" for name, facts in domains.items())
    changed = {name: _changes(facts) for name, facts in domains.items() if facts.get("changes")}
    told_changes = [[name, *change_cells(n, change)] for name, found in changed.items() for n, change in found.items()]
    more = f"\nBefore and after post-processing:\n\n{piped([HEAD, *told_changes], '---:')}" if changed else ""
    return f"{ABOUT}\n\n{table}\n{judged}{more}"


def latex(domains: Domains) -> str:
    r"""tables.tex: a `tabular` of the package booktabs, for \input within a `table`.

    Args:
        domains: Of results.json.
    """
    rows, ns = _rows(domains), _ns(domains)
    columns = "l rr " + " ".join(["r@{~}l"] * len(ns))
    head = ["Domain", "Queries", "Database", *(rf"\multicolumn{{2}}{{c}}{{R@{n}}}" for n in ns)]
    lines = [
        f"% {ABOUT}",
        *(f"% {name}: {told(facts)}" for name, facts in domains.items()),
        r"% \usepackage{booktabs}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(head) + r" \\",
        r"\midrule",
    ]
    for name, part, queries, recalls in rows:
        cells = [
            rf"{_value(recalls[n][0])} & {{\scriptsize [{_value(recalls[n][1])}, {_value(recalls[n][2])}]}}" for n in ns
        ]
        database = "" if part else str(domains[name]["database"])
        first = rf"\quad {escaped(name)}" if part else escaped(name)
        lines.append(" & ".join([first, queries, database, *cells]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _rows(domains: Domains) -> list[Row]:
    """Each domain, then the order before post-processing, then its conditions."""
    rows: list[Row] = []
    for name, facts in domains.items():
        queries = facts["queries"]
        rows.append((name, False, str(queries), _recalls(facts)))
        if facts.get("raw_recalls"):
            right = [round(recall * queries / 100) for recall in facts["raw_recalls"].values()]
            raw = score(right, queries, queries, [int(n) for n in facts["raw_recalls"]], 0, 0.0)
            found = {n: (raw.recalls[n], *raw.ci95[n]) for n in raw.recalls}
            rows.append(("before post-processing", True, "", found))
        for condition, part in facts.get("slices", {}).items():
            rows.append((condition, True, str(part["queries"]), _recalls(part)))
    return rows


def _recalls(facts: Mapping[str, Any]) -> dict[int, tuple[float, float, float]]:
    return {int(n): (recall, *facts["ci95"][n]) for n, recall in facts["recalls"].items()}


def _ns(domains: Domains) -> Sequence[int]:
    return [int(n) for n in next(iter(domains.values()))["recalls"]]


def _changes(facts: Mapping[str, Any]) -> dict[int, Change]:
    return {int(n): Change(**change) for n, change in facts["changes"].items()}


def _value(percent: float) -> str:
    return f"{percent:.1f}"
