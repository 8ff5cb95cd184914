"""The jobs of a sweep in their order, the best first, and leaderboard.csv: one row a job, also of those that failed."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from geoloc.report.sweep.jobs import NO_RESULTS, SweepJob, read_jobs
from geoloc.textfiles import write_whole


@dataclass(frozen=True)
class Entry:
    """One job of the leaderboard.

    Attributes:
        job: The job.
        keys: {swept key: value as typed; "" if this job was not given any}.
        mean: Over its domains, of the recall at `Board.n`, in percent; None without results.
        judged: Letter of how it was judged; "" where all were judged alike.
        best: Whether its mean is the highest of those that were judged alike.
        top: Whether its validation recall is the highest of those that were judged alike.
    """

    job: SweepJob
    keys: dict[str, str]
    mean: float | None
    judged: str
    best: bool
    top: bool


@dataclass(frozen=True)
class Board:
    """All jobs that have begun.

    Attributes:
        entries: Highest mean first, those without one last.
        n: The lowest N of any recall.
        ways: {letter: {domain: how it was judged}} if jobs were judged in different ways, else empty.
    """

    entries: list[Entry]
    n: int
    ways: dict[str, dict[str, str]]


def rank(jobs: Sequence[SweepJob]) -> Board:
    """Put the jobs of a sweep in order.

    Args:
        jobs: In the sweep's order, which stays among equals.

    Returns:
        With the keys that are not the same in all jobs.
    """
    keys = dict.fromkeys(key for job in jobs for key in job.typed)
    swept = [key for key in keys if len({job.typed.get(key) for job in jobs}) > 1]
    n = min((int(key.rpartition("/R")[2]) for job in jobs for key in job.recalls), default=1)
    means = [_mean(job, n) for job in jobs]
    ways = _ways(jobs)
    letters = {way: letter for letter, way in ways.items()} if len(ways) > 1 else {}
    judged = [letters.get(_way(job), "") if job.recalls else "" for job in jobs]
    best = _highest(means, judged)
    # Which val domains a job without test results has nobody knows, once there are several ways.
    validated = [job.validated if letter or not letters else None for job, letter in zip(jobs, judged, strict=True)]
    top = _highest(validated, [(letter, job.typed.get("monitor")) for job, letter in zip(jobs, judged, strict=True)])
    entries = [
        Entry(job, {key: job.typed.get(key, "") for key in swept}, means[i], judged[i], best[i], top[i])
        for i, job in enumerate(jobs)
    ]
    entries.sort(key=lambda entry: -1.0 if entry.mean is None else entry.mean, reverse=True)
    return Board(entries, n, {letter: dict(way) for letter, way in ways.items()} if letters else {})


def _highest(values: Sequence[float | None], groups: Sequence[Hashable]) -> list[bool]:
    """Whether each value is the highest of its group."""
    top: dict[Hashable, float] = {}
    for value, group in zip(values, groups, strict=True):
        if value is not None:
            top[group] = max(value, top.get(group, value))
    return [value is not None and value == top[group] for value, group in zip(values, groups, strict=True)]


def _mean(job: SweepJob, n: int) -> float | None:
    """Mean over the domains of the recall at n."""
    values = [value for key, value in job.recalls.items() if key.endswith(f"/R{n}")]
    return sum(values) / len(values) if values else None


def _way(job: SweepJob) -> tuple[tuple[str, str], ...]:
    """How a job was judged; the same for jobs whose recalls may be compared."""
    return tuple(sorted(job.judging.items()))


def _ways(jobs: Sequence[SweepJob]) -> dict[str, tuple[tuple[str, str], ...]]:
    """{letter: how jobs were judged}, that of most jobs first."""
    counts = Counter(_way(job) for job in jobs if job.recalls)
    return {_letter(place): way for place, (way, _) in enumerate(counts.most_common())}


def _letter(place: int) -> str:
    """A, B, ..., Z, A1, B1, ..."""
    return ascii_uppercase[place % 26] + (str(place // 26) if place >= 26 else "")


def write_leaderboard(sweep: Path, jobs: Sequence[SweepJob] | None = None) -> Path:
    """Write leaderboard.csv, best mean R@1 (or lowest other N) first.

    Args:
        sweep: The sweep's folder; each job has a folder in it.
        jobs: Of the sweep, if they have been read already.

    Returns:
        The file. Columns: job, status, one for each typed key that is not the same in all, `judged` if jobs were judged
        in different ways, `<domain>/R<N>`.
    """
    jobs = read_jobs(sweep) if jobs is None else jobs
    board = rank([job for job in jobs if job.status != NO_RESULTS])
    rows: list[dict[str, Any]] = [
        {"job": entry.job.name, "status": entry.job.status, **entry.keys}
        | ({"judged": entry.judged} if board.ways else {})
        | {key: f"{value:.2f}" for key, value in entry.job.recalls.items()}
        for entry in board.entries
    ]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    columns.sort(key=lambda key: "/R" in key)  # a failed job has no recalls; they still go last
    path = sweep / "leaderboard.csv"
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, file.getvalue())
    return path
