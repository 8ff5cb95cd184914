"""Tables of what a step did to recall, for the console and for Markdown."""

from __future__ import annotations

from collections.abc import Mapping

from geoloc.evaluate.before_after import Change

HEAD = ["domain", "N", "before", "after", "difference [low, high]", "helped", "hurt", "p"]
LEAST_P = 0.0001  # smaller ones are told as such: nobody decides by more digits


def console_table(domains: Mapping[str, Mapping[int, Change]]) -> str:
    """Columns in plain text; a domain's name stands in its first line alone.

    Args:
        domains: Domain -> N -> change.
    """
    rows = [HEAD]
    for domain, found in domains.items():
        rows += [["" if line else domain, *change_cells(n, change)] for line, (n, change) in enumerate(found.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(map(str.rjust, row[1:], widths[1:]))])  # names left, numbers right
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def markdown_table(domains: Mapping[str, Mapping[int, Change]]) -> str:
    """The same as a table in Markdown; every line names its domain, so that lines can be copied.

    Args:
        domains: Domain -> N -> change.
    """
    rows = [[domain, *change_cells(n, change)] for domain, found in domains.items() for n, change in found.items()]
    rule = ["---", *["---:"] * (len(HEAD) - 1)]
    lines = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in [HEAD, rule, *rows]]
    return "".join(f"| {line} |\n" for line in lines)


def change_cells(n: int, change: Change) -> list[str]:
    """One for each of `HEAD` but the domain. Percent with one decimal, as elsewhere."""
    low, high = change.ci95
    return [
        str(n),
        f"{change.before:.1f}",
        f"{change.after:.1f}",
        f"{_signed(change.difference)} [{_signed(low)}, {_signed(high)}]",
        f"{change.helped:.1f}",
        f"{change.hurt:.1f}",
        f"<{LEAST_P}" if change.p < LEAST_P else f"{change.p:.4f}",
    ]


def _signed(points: float) -> str:
    """One decimal with its sign; what rounds to nothing has none."""
    text = f"{points:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text
