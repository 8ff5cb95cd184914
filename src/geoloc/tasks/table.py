"""The table of recalls at the end of a task: rich on a terminal, plain text elsewhere."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

from geoloc.console import fancy, terminal
from geoloc.evaluate.rules import told
from geoloc.report.changes import console_table
from geoloc.report.confidence import too_sure
from geoloc.result import Result
from geoloc.tasks.results import place_facts

log = logging.getLogger(__name__)


def recall_rows(results: dict[str, Result]) -> list[list[str]]:
    """Head and lines of the table: recalls of each domain, and of its slices, with the counts that they rest on."""
    rows = [["domain", *(f"R@{n}" for n in _ns(results)), "queries", "answerable", "database"]]
    for name, result in results.items():
        scores = result.scores
        counts = (scores.queries, scores.answerable, scores.database)
        rows.append([name, *(f"{value:.1f}" for value in scores.recalls.values()), *map(str, counts)])
        if scores.answerable < scores.queries:
            answerable = (f"{value:.1f}" for value in scores.recalls_answerable.values())
            rows.append(["  of the answerable", *answerable, str(scores.answerable), "", ""])
        for condition, part in result.slices.items():
            recalls = (f"{value:.1f}" for value in part.recalls.values())
            rows.append([f"  {condition}", *recalls, str(part.queries), str(part.answerable), ""])
    return rows


def plain_table(rows: list[list[str]]) -> str:
    """Rows in columns, names left and numbers right, with a rule below the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def rich_table(rows: list[list[str]]) -> Any:
    """The same for a terminal: domains bold, their parts dim."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    for number, head in enumerate(rows[0]):
        recall = head.startswith("R@")
        table.add_column(
            head, justify="right" if number else "left", no_wrap=True, style="green" if recall else "", min_width=5
        )
    for row in rows[1:]:
        table.add_row(*row, style="dim" if row[0].startswith("  ") else "bold")
    return table


def fits(table: Any) -> bool:
    """Whether standard output is as wide as a table of rich's; of one that is not, words would be cut off."""
    from rich.measure import Measurement

    console = terminal(error=False)
    return Measurement.get(console, console.options.update(max_width=1000), table).maximum <= console.width


def print_rows(rows: list[list[str]]) -> None:
    """Print a table to standard output, apart from the log: by rich on a terminal that is wide enough for it."""
    table = rich_table(rows) if fancy(sys.stdout) else None
    if table is not None and fits(table):
        sys.stdout.flush()
        terminal(error=False).print(table)
    else:
        sys.stdout.write(f"\n{plain_table(rows)}\n\n")


def judging(results: dict[str, Result]) -> str:
    """How the domains were judged: a line each, or one for all if it is the same."""
    said = {
        name: told({"radius_m": each.scores.radius_m, **place_facts(each.domain)}) for name, each in results.items()
    }
    alike = list(dict.fromkeys(said.values()))
    return alike[0] if len(alike) == 1 else "\n".join(f"{name}: {how}" for name, how in said.items())


def _ns(results: dict[str, Result]) -> list[int]:
    return list(next(iter(results.values())).scores.recalls) if results else []


def print_table(results: dict[str, Result]) -> None:
    """Print the recalls to standard output, apart from the log."""
    changed = {name: result.changes for name, result in results.items() if result.changes}
    before_after = f"before and after post-processing:\n{console_table(changed)}\n\n" if changed else ""
    rows = recall_rows(results)
    print_rows(rows)
    sys.stdout.write(f"{judging(results)}\n\n{before_after}")
    sys.stdout.flush()


def tell_positions(results: dict[str, Result]) -> None:
    """Log a line a domain: how well its queries are located, and what the confidences are worth."""
    for name, result in results.items():
        if result.located is not None:
            log.info("%s", position_line(name, result.located.facts))


def position_line(name: str, facts: Mapping[str, Any]) -> str:
    """What is known of the voted positions of a domain.

    Args:
        name: Of the domain.
        facts: `localization` of its entry in results.json.
    """
    said = (
        f"{name}: {facts['within']:.1f} % of the queries located within {facts['radius_m']:g} m, median error"
        f" {facts['median_error_m']:.1f} m"
    )
    if "ece" not in facts:
        return said
    said += f"; ECE {facts['ece']:.3f}{', TOO SURE' if too_sure(facts) else ''}"
    asked = f"answers that are to be right at {100 * facts['answer_precision']:g} %"
    if facts["threshold"] is None:
        most = facts["highest_precision"]
        return (
            f"{said}; {asked}: none, as the labelled queries of the calibration are too few, or too often wrong, to"
            f" vouch for more than {100 * most:g} % (answer_precision={most:g})"
        )
    if facts["right_of_answered"] is None:
        return f"{said}; {asked}: none, as no query is so sure"
    right = f"{facts['answered']:.1f} % of the queries, and {facts['right_of_answered']:.1f} % of these are right"
    return f"{said}; {asked}: {right}"
