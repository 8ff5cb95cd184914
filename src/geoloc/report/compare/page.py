"""compare.html: one self-contained page about finished runs against the first of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from geoloc.evaluate.rules import told
from geoloc.report.changes import signed
from geoloc.report.compare.files import ABOUT, metres
from geoloc.report.compare.forest import forest, limit_of
from geoloc.report.compare.gallery import Gallery, Photographer, answered
from geoloc.report.compare.rows import HEAD, Comparison, Row, domain_rows, slice_rows
from geoloc.report.compare.runs import Run
from geoloc.report.compare.settings import IDLE, differing, notes
from geoloc.textfiles import write_whole

LONGEST = 300  # characters of a value of the config


def write_page(page: Path, title: str, command: str, baseline: Run, found: Sequence[Comparison]) -> list[str]:
    """Write the page.

    Args:
        page: File to be written.
        title: Of the page.
        command: That the comparison was started with.
        baseline: The first run.
        found: The others against it.

    Returns:
        A line for each photo that could not be read.
    """
    environment = Environment(
        loader=PackageLoader("geoloc.report"), autoescape=select_autoescape(), trim_blocks=True, lstrip_blocks=True
    )
    photographer = Photographer()
    galleries = photographer.galleries(baseline, found)
    rows, slices = domain_rows(found), slice_rows(found)
    runs = [baseline, *(each.run for each in found)]
    text = environment.get_template("compare.html").render(
        title=title,
        command=command,
        about=ABOUT,
        head=HEAD,
        baseline=baseline,
        runs=runs,
        overview=_overview(rows),
        parts=[_part(baseline, *each) for each in zip(found, rows, slices, galleries, strict=True)],
        settings={kind: _short(cells) for kind, cells in differing(runs).items()},
        notes=notes(runs),
        idle=IDLE,
        answered=answered,
        signed=signed,
        missing=list(photographer.missing),
    )
    write_whole(page, text)
    return list(photographer.missing)


def _part(
    baseline: Run, each: Comparison, rows: list[Row], slices: list[Row], galleries: list[list[Gallery]]
) -> dict[str, Any]:
    """What the page shows of one run."""
    pairs = list(zip(each.pairs, galleries, strict=True))
    limit = limit_of([row.change for row in [*rows, *slices]])
    return {
        "run": each.run,
        "counts": Counter(row.verdict for row in rows),
        "tables": [
            (title, own, forest([row.change for row in own], limit))
            for title, own in (("domain", rows), ("domain, condition", slices))
            if own
        ],
        "metres": metres(each.pairs),
        "judged": [(pair, told(baseline.judged()[pair.domain])) for pair in each.pairs],
        "left_out": each.left_out,
        "apart": [(pair.domain, about, both) for pair in each.pairs for about, both in pair.apart.items()],
        "flipped": [(pair, own) for pair, own in pairs if own],
    }


def _overview(tables: Sequence[Sequence[Row]]) -> list[tuple[Row, list[Row | None]]]:
    """Each domain and N with its row in each run's table; nothing for a single run, whose table says it all."""
    if len(tables) < 2:
        return []
    known = [{(row.pair.domain, row.n): row for row in table} for table in tables]
    keys = dict.fromkeys(key for table in known for key in table)
    lines = [[table.get(key) for table in known] for key in keys]
    return [(next(row for row in line if row is not None), line) for line in lines]


def _short(rows: dict[str, tuple[str, ...]]) -> dict[str, list[str]]:
    return {
        what: [cell if len(cell) <= LONGEST else f"{cell[:LONGEST]} ..." for cell in cells]
        for what, cells in rows.items()
    }
