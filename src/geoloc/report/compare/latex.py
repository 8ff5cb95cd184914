"""compare.tex: the table of a comparison for a paper; it needs the LaTeX package booktabs and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from geoloc.report.changes import LEAST_P, signed
from geoloc.report.compare.rows import Comparison, Row, domain_rows, slice_rows
from geoloc.report.compare.runs import Run
from geoloc.report.escape import escaped

MARKS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
DAGGER = r"$^{\dagger}$"
Key = tuple[str, str, int]  # domain, condition, N


def marks(p: float) -> str:
    """Stars of a p-value.

    Example:
        >>> [marks(p) for p in (0.05, 0.049, 0.0099, 0.0001)]
        ['', '$^{*}$', '$^{**}$', '$^{***}$']
    """
    return next((f"$^{{{stars}}}$" for least, stars in MARKS if p < least), "")


def latex(baseline: Run, found: Sequence[Comparison]) -> str:
    """compare.tex: two runs with all columns of compare.md; of more, the baseline and a difference a run.

    Args:
        baseline: The first run.
        found: The others against it.
    """
    tables = [
        {(row.pair.domain, row.condition, row.n): row for row in [*rows, *slices]}
        for rows, slices in zip(domain_rows(found), slice_rows(found), strict=True)
    ]
    keys = _ordered(tables)
    if len(found) == 1:
        head = ["Domain", "$N$", "Before", "After", "Difference [95\\,\\%]", "Helped", "Hurt", "$p$", "$p$ (Holm)"]
        lines = [_full(tables[0][key]) for key in keys]
    else:
        head = ["Domain", "$N$", escaped(baseline.name), *(escaped(each.run.name) for each in found)]
        lines = [_brief([table.get(key) for table in tables]) for key in keys]
    body: list[str] = []
    for (_, condition), own in groupby(zip(keys, lines, strict=True), key=lambda line: line[0][:2]):
        body += [] if condition else [r"\midrule"]
        for number, (key, cells) in enumerate(own):
            body.append(_line(["" if number else _name(key, tables), str(key[2]), *cells]))
    other = any(row.pair.apart for table in tables for row in table.values())
    return "\n".join(
        [
            "% Needs \\usepackage{booktabs}.",
            r"\begin{table}[t]",
            r"\centering\small",
            rf"\caption{{{_caption(baseline, found, other)}}}",
            r"\label{tab:compare}",
            rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
            r"\toprule",
            _line(head),
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _ordered(tables: Sequence[dict[Key, Row]]) -> list[Key]:
    """All keys: domains in the order in which they are met, each followed by its conditions, N ascending."""
    keys = list(dict.fromkeys(key for table in tables for key in table))
    domains = list(dict.fromkeys(domain for domain, _, _ in keys))
    conditions = list(dict.fromkeys(condition for _, condition, _ in keys))
    return sorted(keys, key=lambda key: (domains.index(key[0]), conditions.index(key[1]), key[2]))


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _name(key: Key, tables: Sequence[dict[Key, Row]]) -> str:
    domain, condition, _ = key
    if condition:
        return rf"\quad {escaped(condition)}"
    alone = tables[0][key].pair.apart if len(tables) == 1 else {}  # of several, the cell says it
    return escaped(domain) + DAGGER * bool(alone)


def _difference(row: Row) -> str:
    low, high = row.change.ci95
    return f"{_points(row.change.difference)} [{_points(low)}, {_points(high)}]{marks(row.p_holm)}"


def _full(row: Row) -> list[str]:
    change = row.change
    numbers = [f"{value:.1f}" for value in (change.before, change.after, change.helped, change.hurt)]
    return [*numbers[:2], _difference(row), *numbers[2:], _p(change.p), _p(row.p_holm)]


def _brief(rows: Sequence[Row | None]) -> list[str]:
    before = next(row.change.before for row in rows if row is not None)
    cells = ["--" if row is None else _difference(row) + DAGGER * bool(row.pair.apart) for row in rows]
    return [f"{before:.1f}", *cells]


def _points(points: float) -> str:
    text = signed(points)
    return text if text == "0.0" else f"${text}$"  # a minus and not a hyphen


def _p(p: float) -> str:
    return f"$<${LEAST_P}" if p < LEAST_P else f"{p:.4f}"


def _caption(baseline: Run, found: Sequence[Comparison], other: bool) -> str:
    several = len(found) > 1
    who = f"of several runs against {baseline.name}" if several else f"of {found[0].run.name} against {baseline.name}"
    shown = "the baseline in percent and differences in points" if several else "in percent, differences in points"
    tests = "rows and runs" if several else "rows"
    words = [
        f"Recall at $N$ {escaped(who)}: {shown} with 95\\,\\% intervals (paired bootstrap over queries).",
        f"$^{{*}}$\\,$p<0.05$, $^{{**}}$\\,$p<0.01$, $^{{***}}$\\,$p<0.001$ (exact McNemar test,"
        f" corrected for all {tests} by Holm's method; conditions apart).",
    ]
    words += [rf"{DAGGER}\,Judged under another protocol or on other photos."] * other
    return " ".join(words)
