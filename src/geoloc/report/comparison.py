"""compare.md, compare.json and flipped.csv: two or more finished runs against the first of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from geoloc.evaluate.rules import told
from geoloc.report.changes import console_table, markdown_table
from geoloc.report.compared import Pair, Run
from geoloc.report.protocol import described, protocol_rows, step_rows

ABOUT = (
    "Recall at N in percent of all queries in the baseline (before) and in the other run (after); the difference in"
    " points with its 95 % interval (paired bootstrap over queries); the percent of queries that became right (helped)"
    " and wrong (hurt); the p-value of the exact McNemar test. One in twenty intervals misses the true value, so among"
    " many some exclude 0 by chance."
)
COLUMNS = ("run", "domain", "query", "rank_before", "rank_after", "change", "at")
PARTS = ("backbone", "block", "aggregator", "head", "whitening")


@dataclass(frozen=True)
class Comparison:
    """A run against the baseline.

    Attributes:
        run: The run.
        pairs: Of the domains that both have.
        left_out: A line for each domain and recall value that one has alone.
        config: What else differs: what -> in the baseline, in the run.
    """

    run: Run
    pairs: list[Pair]
    left_out: list[str]
    config: dict[str, tuple[str, str]]

    def labelled(self) -> dict[str, Any]:
        """Domain -> N -> change; a domain that was judged otherwise says so in its name."""
        return {f"{pair.domain}{' (OTHER PROTOCOL)' * bool(pair.apart)}": pair.changes() for pair in self.pairs}


def config_differences(before: Run, after: Run) -> dict[str, tuple[str, str]]:
    """What two runs did not share in network, showing, searching and order: what -> in the one, in the other."""
    one, other = _config(before), _config(after)
    rows = dict.fromkeys([*one, *other])
    return {row: (one.get(row, ""), other.get(row, "")) for row in rows if one.get(row) != other.get(row)}


def _config(run: Run) -> dict[str, str]:
    """The run as words."""
    results = run.results
    model, protocol = results.get("model", {}), results.get("protocol", {})
    steps = [f"{step} ({how})" if how else step for step, how, _ in step_rows(protocol, {})]
    return {
        **{part: described(model[part]) for part in PARTS if part in model},
        "weights": str(model.get("weights", "")),
        **dict(protocol_rows(protocol, {})),
        "post-processing": ", ".join(steps) or "none",
        "seed": str(results.get("environment", {}).get("seed", "")),
    }


def console(baseline: Run, found: Sequence[Comparison]) -> str:
    """The tables in plain text."""
    return "\n".join(
        f"{each.run.name} (after) against {baseline.name} (before):\n{console_table(each.labelled())}\n"
        for each in found
    )


def markdown(title: str, baseline: Run, found: Sequence[Comparison]) -> str:
    """compare.md.

    Args:
        title: Of the page.
        baseline: The first run.
        found: The others against it.
    """
    blocks = [f"# {title}", f"The baseline is `{baseline.folder}`{_command(baseline)}.", ABOUT]
    for each in found:
        blocks += [f"## {each.run.name}", f"`{each.run.folder}`{_command(each.run)}.", markdown_table(each.labelled())]
        judged = {pair.domain: told(baseline.judged()[pair.domain]) for pair in each.pairs}
        lines = [f"- {domain}: {rules}; {_flipped(each, domain)}" for domain, rules in judged.items()]
        blocks.append("\n".join(lines + [f"- {line}" for line in each.left_out]))
        apart = {f"{pair.domain}: {about}": both for pair in each.pairs for about, both in pair.apart.items()}
        if apart:
            blocks += ["**Judged under other protocols: these differences do not come from the networks alone.**"]
            blocks += [_two(apart)]
        blocks += ["What else differs:", _two(each.config)] if each.config else ["Nothing else differs in the config."]
    return "\n\n".join(block.rstrip("\n") for block in blocks) + "\n"


def _command(run: Run) -> str:
    command = run.results.get("environment", {}).get("command")
    return f" (`{command}`)" if command else ""


def _flipped(each: Comparison, domain: str) -> str:
    flips = next(pair for pair in each.pairs if pair.domain == domain).flips()
    return f"{len(flips)} queries flipped (flipped.csv)"


def _two(rows: dict[str, tuple[str, str]]) -> str:
    """A table of what differs."""
    cells = [["", "before", "after"], ["---"] * 3, *([what, *both] for what, both in rows.items())]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in cells)


def content(baseline: Run, found: Sequence[Comparison]) -> dict[str, Any]:
    """compare.json."""
    return {
        "baseline": str(baseline.folder),
        "runs": [
            {
                "run": str(each.run.folder),
                "domains": {
                    pair.domain: {
                        "queries": len(pair.before),
                        "flipped": len(pair.flips()),
                        "changes": {str(n): asdict(change) for n, change in pair.changes().items()},
                        "other_protocol": _sides(pair.apart),
                    }
                    for pair in each.pairs
                },
                "left_out": each.left_out,
                "config": _sides(each.config),
            }
            for each in found
        ],
    }


def _sides(rows: dict[str, tuple[str, str]]) -> dict[str, dict[str, str]]:
    return {what: {"before": before, "after": after} for what, (before, after) in rows.items()}


def flipped(found: Sequence[Comparison]) -> str:
    """flipped.csv: a line for each query that is right in one of two runs alone, within the N in its last column."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for each in found:
        for pair in each.pairs:
            for flip in pair.flips():
                ranks = [flip.before or "", flip.after or ""]  # empty: none of those saved is correct
                change = "helped" if 0 < flip.after <= flip.at[0] else "hurt"
                at = " ".join(map(str, flip.at))
                writer.writerow([each.run.name, pair.domain, flip.query, *ranks, change, at])
    return file.getvalue()
