"""study.csv and study.md of a sweep over seeds: means with intervals, and paired differences to a baseline.

One row for each combination of the swept keys other than `seed`. Seeds are pairs: a difference is that of the same seed
with and without, so only seeds that have finished on both sides count.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from geoloc.evaluate.paired import Estimate, mean_interval, paired_difference
from geoloc.report.sweep.jobs import SweepJob, configured, read_jobs
from geoloc.textfiles import write_whole

SHOWN = (1, 5)
ABOUT = (
    "Recall in percent of all queries: the mean over seeds with its 95 % t-interval, and the mean difference to the"
    " baseline within the same seed with its own. `pairs` counts the seeds that finished on both sides; an interval"
    " needs two. One in twenty misses the true value, so among many some exclude 0 by chance."
)


@dataclass
class Row:
    """One combination.

    Attributes:
        keys: {swept key: value as typed}, without seed.
        jobs: Number of its jobs that have begun.
        seeds: Its finished jobs by seed.
        baseline: The row that it is compared with; None if there is none. The baseline's own is itself.
    """

    keys: dict[str, str]
    jobs: int = 0
    seeds: dict[str, SweepJob] = field(default_factory=dict)
    baseline: Row | None = None

    def common(self) -> list[str]:
        """Seeds that have finished here and in the baseline; none for the baseline itself."""
        other = self.baseline
        return [] if other is None or other is self else [seed for seed in self.seeds if seed in other.seeds]

    def judged_alike(self, seed: str, domain: str) -> bool:
        """Whether a seed's recalls on a domain may be compared with the baseline's: same protocol, same photos."""
        assert self.baseline is not None
        return self.seeds[seed].judging.get(domain) == self.baseline.seeds[seed].judging.get(domain)


def write_study(sweep: Path, jobs: Sequence[SweepJob] | None = None, stem: str = "study") -> Path | None:
    """Write `<stem>.csv` and `<stem>.md` into the sweep's folder.

    Every job of a sweep calls this when it ends, so both files tell of what has finished so far. A baseline that cannot
    be found is said in the md; it never ends a job.

    Args:
        sweep: The sweep's folder.
        jobs: What to count; all jobs of the sweep unless given.
        stem: Name of the files.

    Returns:
        The md; None, and nothing is written, if the jobs do not differ in their seed.
    """
    jobs = read_jobs(sweep) if jobs is None else jobs
    if len({job.typed.get("seed") for job in jobs}) < 2:
        return None
    rows, notes = _rows(jobs)
    notes = [_find_baselines(rows, configured(sweep, "baseline")), *notes]
    metrics = list(dict.fromkeys(key for job in jobs for key in job.recalls))
    notes += [note for domain in dict.fromkeys(map(_domain, metrics)) for row in rows for note in _apart(row, domain)]
    write_whole(sweep / f"{stem}.csv", _csv(rows, metrics))
    write_whole(sweep / f"{stem}.md", _md(f"{sweep.resolve().name}: {stem}", rows, metrics, notes))
    return sweep / f"{stem}.md"


def _rows(jobs: Sequence[SweepJob]) -> tuple[list[Row], list[str]]:
    """The combinations in the sweep's order, and a line for each job that does not count."""
    keys = dict.fromkeys(key for job in jobs for key in job.typed if key != "seed")
    swept = [key for key in keys if len({job.typed.get(key) for job in jobs}) > 1]
    rows: dict[tuple[str, ...], Row] = {}
    notes = []
    for job in jobs:
        values = {key: job.typed.get(key, "") for key in swept}
        row = rows.setdefault(tuple(values.values()), Row(values))
        row.jobs += 1
        asked = f"job {job.name} ({_typed({**values, 'seed': job.seed})})"
        if job.status != "finished":
            notes.append(f"{asked}: {job.status}{f', {job.error}' if job.error else ''}")
        elif job.seed in row.seeds:
            notes.append(f"{asked}: repeats job {row.seeds[job.seed].name}, which counts")
        else:
            row.seeds[job.seed] = job
    return list(rows.values()), notes


def _find_baselines(rows: list[Row], wanted: object) -> str:
    """Give each row its baseline.

    Args:
        rows: Their `baseline` is set.
        wanted: Of the config: null for the first combination, else one or several overrides such as "aug=none". The
            baseline of a row has these values, and the row's own in all other swept keys.

    Returns:
        One line: what the baseline is, or why there is none.
    """
    if not wanted:
        for row in rows:
            row.baseline = rows[0]
        return f"baseline: the first combination, {_typed(rows[0].keys) or 'which is the only one so far'}"
    asked = [str(item) for item in (wanted if isinstance(wanted, list) else [wanted])]
    fixed = dict(item.split("=", 1) for item in asked if "=" in item)
    said = f"baseline: {' '.join(asked)}"
    for key in rows[0].keys:
        there = list(dict.fromkeys(row.keys[key] for row in rows))
        if key in fixed and not any(_same(fixed[key], value) for value in there):
            return f"{said}: no job so far has {key}={fixed[key]}, only {', '.join(there)}; so there are no differences"
    if len(fixed) < len(asked) or fixed.keys() - rows[0].keys.keys():
        swept = ", ".join(rows[0].keys) or "no key but seed"
        return (
            f"{said}: must be KEY=VALUE of keys that differ between jobs (so far {swept}); so there are no differences"
        )
    for row in rows:
        want = {**row.keys, **fixed}
        row.baseline = next((other for other in rows if all(_same(want[key], other.keys[key]) for key in want)), None)
    alone = [_typed({key: row.keys[key] for key in row.keys if key not in fixed}) for row in rows if not row.baseline]
    alone = list(dict.fromkeys(alone))
    return said + (f"; so far no job has it beside {'; '.join(alone)}" if alone else "")


def _apart(row: Row, domain: str) -> list[str]:
    """A line if a domain was judged otherwise in a row than in its baseline, so that there is no difference."""
    apart = [seed for seed in row.common() if not row.judged_alike(seed, domain)]
    if not apart or row.baseline is None:
        return []
    own, base = (each.seeds[apart[0]].judging.get(domain, "") for each in (row, row.baseline))
    return [
        f"{domain}: {_typed(row.keys)} is not compared in seed {', '.join(apart)}: judged under another protocol"
        f" ({own}) than the baseline ({base})"
    ]


def _domain(metric: str) -> str:
    """Of a recall such as "day/R1"."""
    return metric.rpartition("/R")[0]


def _same(one: str, other: str) -> bool:
    """Whether two typed values mean the same; Hydra writes 1e-4 as 0.0001."""
    try:
        return float(one) == float(other)
    except ValueError:
        return one == other


def _typed(keys: dict[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in keys.items())


def _estimates(row: Row, metric: str) -> tuple[Estimate, Estimate]:
    """Mean of a recall over the seeds of a row, and its paired difference to the row's baseline; both in percent."""
    own = {seed: job.recalls[metric] for seed, job in row.seeds.items() if metric in job.recalls}
    alike = [seed for seed in row.common() if row.judged_alike(seed, _domain(metric))]
    base = {seed: row.baseline.seeds[seed].recalls for seed in alike} if row.baseline else {}
    common = [seed for seed, recalls in base.items() if metric in recalls and seed in own]
    return mean_interval(np.array(list(own.values()), dtype=np.float64)), paired_difference(
        np.array([own[seed] for seed in common], dtype=np.float64),
        np.array([base[seed][metric] for seed in common], dtype=np.float64),
    )


def _csv(rows: list[Row], metrics: list[str]) -> str:
    """All recalls; what is not known is empty."""
    file = io.StringIO()
    ends = ("", "_low", "_high", "_difference", "_difference_low", "_difference_high")
    writer = csv.writer(file, lineterminator="\n")
    counts = ["jobs", "seeds", "pairs"]
    writer.writerow([*rows[0].keys, *counts, *(f"{metric}{end}" for metric in metrics for end in ends)])
    for row in rows:
        cells: list[object] = [*row.keys.values(), row.jobs, len(row.seeds), len(row.common())]
        for metric in metrics:
            for estimate in _estimates(row, metric):
                cells += [
                    "" if math.isnan(value) else f"{value:.4f}"
                    for value in (estimate.mean, estimate.low, estimate.high)
                ]
        writer.writerow(cells)
    return file.getvalue()


def _md(title: str, rows: list[Row], metrics: list[str], notes: list[str]) -> str:
    """A table for each domain with R@1 and R@5, or the lowest other N."""
    lines = [f"# {title}", "", ABOUT, "", *(f"- {' '.join(note.split())}" for note in notes)]
    for domain in dict.fromkeys(map(_domain, metrics)):
        ns = [int(metric.rpartition("/R")[2]) for metric in metrics if _domain(metric) == domain]
        shown = [n for n in SHOWN if n in ns] or sorted(ns)[:1]
        head = [*rows[0].keys, "seeds", "pairs", *(text for n in shown for text in (f"R@{n}", "difference"))]
        lines += ["", f"## {domain}", "", _line(head), _line(["---"] * len(head))]
        for row in rows:
            cells = [*row.keys.values(), f"{len(row.seeds)} of {row.jobs}", str(len(row.common()))]
            for n in shown:
                mean, difference = _estimates(row, f"{domain}/R{n}")
                cells += [_cell(mean, ""), "baseline" if row.baseline is row else _cell(difference, "+")]
            lines.append(_line(cells))
    return "\n".join(lines) + "\n"


def _cell(estimate: Estimate, sign: str) -> str:
    """Mean and interval with one decimal, as far as they are known."""
    if math.isnan(estimate.mean):
        return ""
    interval = "" if math.isnan(estimate.low) else f" [{estimate.low:{sign}.1f}, {estimate.high:{sign}.1f}]"
    return f"{estimate.mean:{sign}.1f}{interval}"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
