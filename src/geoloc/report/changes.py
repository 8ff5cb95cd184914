"""Tables of what a step did to recall, for the console and for Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells in columns, a line below the first row."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(map(str.rjust, row[1:], widths[1:]))])  # names left, numbers right
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def piped(rows: Sequence[Sequence[str]], rule: str = "---") -> str:
    """Rows of cells as a table in Markdown.

    Args:
        rows: The first is the head.
        rule: Below all cells of the head but the first; "---:" if they are numbers.
    """
    head, *rest = rows
    below = ["---", *[rule] * (len(head) - 1)]
    lines = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in [head, below, *rest]]
    return "".join(f"| {line} |\n" for line in lines)


def change_cells(n: int, change: Change) -> list[str]:
    """One for each of `HEAD` but the domain. Percent with one decimal, as elsewhere."""
    low, high = change.ci95
    return [
        str(n),
        f"{change.before:.1f}",
        f"{change.after:.1f}",
        f"{signed(change.difference)} [{signed(low)}, {signed(high)}]",
        f"{change.helped:.1f}",
        f"{change.hurt:.1f}",
        p_cell(change.p),
    ]


def p_cell(p: float) -> str:
    """A p-value with four decimals."""
    return f"<{LEAST_P}" if p < LEAST_P else f"{p:.4f}"


def signed(points: float) -> str:
    """One decimal with its sign; what rounds to nothing has none."""
    text = f"{points:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text
