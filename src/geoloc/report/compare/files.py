"""compare.md, compare.json and flipped.csv: two or more finished runs against the first of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from geoloc.evaluate.rules import told
from geoloc.report.changes import aligned, piped
from geoloc.report.compare.pairs import Pair
from geoloc.report.compare.rows import HEAD, Comparison, Row, domain_rows, slice_rows
from geoloc.report.compare.runs import Run
from geoloc.report.compare.settings import KEYS, WORDS, differences, differing, in_words, notes
from geoloc.report.told import length

ABOUT = (
    "Recall at N in percent of all queries in the baseline (before) and in the other run (after); the difference in"
    " points with its 95 % interval (paired bootstrap over queries); the percent of queries that became right (helped)"
    " and wrong (hurt); the p-value of the exact McNemar test, and the same corrected for all rows of the table, of all"
    " runs (Holm 1979; conditions are a table of their own). The intervals are not corrected: one in twenty misses the"
    " true value, so among many some exclude 0 by chance."
)
COLUMNS = ("run", "domain", "query", "rank_before", "rank_after", "change", "at")


def console(baseline: Run, found: Sequence[Comparison]) -> str:
    """The tables in plain text; a domain's name stands in its first line alone."""
    texts = []
    for each, rows, slices in zip(found, domain_rows(found), slice_rows(found), strict=True):
        lines = [HEAD]
        for _, own in groupby([*rows, *slices], key=lambda row: row.label):
            lines += [["" if number else row.label, *row.cells()[1:]] for number, row in enumerate(own)]
        texts.append(f"{each.run.name} (after) against {baseline.name} (before):\n{aligned(lines)}\n")
    return "\n".join(texts)


def markdown(title: str, baseline: Run, found: Sequence[Comparison]) -> str:
    """compare.md.

    Args:
        title: Of the page.
        baseline: The first run.
        found: The others against it.
    """
    blocks = [f"# {title}", f"The baseline is `{baseline.folder}`{_command(baseline)}.", ABOUT]
    for each, rows, slices in zip(found, domain_rows(found), slice_rows(found), strict=True):
        blocks += [f"## {each.run.name}", f"`{each.run.folder}`{_command(each.run)}.", _table(rows)]
        if slices:
            blocks += ["By condition of the queries:", _table(slices)]
        blocks += ["Median error of the first prediction:", piped(metres(each.pairs), "---:")]
        lines = [
            f"- {pair.domain}: {told(baseline.judged()[pair.domain])}; {len(pair.flips)} queries flipped (flipped.csv)"
            for pair in each.pairs
        ]
        blocks.append("\n".join(lines + [f"- {line}" for line in each.left_out]))
        apart = {f"{pair.domain}: {about}": both for pair in each.pairs for about, both in pair.apart.items()}
        if apart:
            blocks += ["**Judged under other protocols: these differences do not come from the networks alone.**"]
            blocks += [_two(apart)]
        blocks += _settings([baseline, each.run])
    return "\n\n".join(block.rstrip("\n") for block in blocks if block) + "\n"


def _command(run: Run) -> str:
    return f" (`{run.command}`)" if run.command else ""


def _table(rows: Sequence[Row]) -> str:
    """Every line names its domain, so that lines can be copied."""
    return piped([HEAD, *(row.cells() for row in rows)], "---:")


def metres(pairs: Sequence[Pair]) -> list[list[str]]:
    """Rows of the median error of the first prediction, with their head."""
    rows = [[pair.label, *(_error(value, pair.metres_per_frame) for value in pair.medians())] for pair in pairs]
    return [["domain", "before", "after"], *rows]


def _error(median: float, per_frame: float | None) -> str:
    return f"{median:.1f} m" if per_frame is None else length(median, per_frame)


def _settings(runs: Sequence[Run]) -> list[str]:
    found = differing(runs)
    blocks = [block for kind, rows in found.items() for block in (f"What differs, {kind}:", _two(rows))]
    known = all(run.config for run in runs)
    blocks += ["Nothing else differs in the config."] * (known and not {WORDS, KEYS} & found.keys())
    return [*blocks, "\n".join(f"- {line}" for line in notes(runs))]


def _two(rows: Mapping[str, Sequence[str]]) -> str:
    """A table of what differs."""
    return piped([["", "before", "after"], *([what, *both] for what, both in rows.items())])


def content(baseline: Run, found: Sequence[Comparison]) -> dict[str, Any]:
    """compare.json."""
    tables = zip(found, domain_rows(found), slice_rows(found), strict=True)
    return {
        "baseline": str(baseline.folder),
        "runs": [
            {
                "run": str(each.run.folder),
                "domains": {
                    pair.domain: {
                        "queries": len(pair.before),
                        "flipped": len(pair.flips),
                        "changes": _by_n(row for row in rows if row.pair is pair),
                        "slices": {
                            condition: _by_n(row for row in slices if row.pair is pair and row.condition == condition)
                            for condition in pair.slices
                        },
                        "median_first_m": dict(zip(("before", "after"), pair.medians(), strict=True)),
                        "other_protocol": _sides(pair.apart),
                    }
                    for pair in each.pairs
                },
                "left_out": each.left_out,
                "config": _sides(differences([in_words(baseline), in_words(each.run)])),
                "settings": {kind: _sides(rows) for kind, rows in differing([baseline, each.run]).items()},
            }
            for each, rows, slices in tables
        ],
    }


def _by_n(rows: Iterable[Row]) -> dict[str, dict[str, Any]]:
    return {str(row.n): asdict(row.change) | {"p_holm": row.p_holm} for row in rows}


def _sides(rows: Mapping[str, Sequence[str]]) -> dict[str, dict[str, str]]:
    return {what: {"before": before, "after": after} for what, (before, after) in rows.items()}


def flipped(found: Sequence[Comparison]) -> str:
    """flipped.csv: a line for each query that is right in one of two runs alone, within the N in its last column."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for each in found:
        for pair in each.pairs:
            for flip in pair.flips:
                ranks = [flip.before.rank or "", flip.after.rank or ""]  # empty: none of those saved is correct
                change = "helped" if flip.helped else "hurt"
                writer.writerow([each.run.name, pair.domain, flip.query, *ranks, change, " ".join(map(str, flip.at))])
    return file.getvalue()
