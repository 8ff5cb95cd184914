"""leaderboard.html: a sweep on one self-contained page, made from the folders of its jobs alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, select_autoescape

from geoloc.report.sweep.charts import parallel, scatters
from geoloc.report.sweep.jobs import NO_RESULTS, SweepJob, configured, read_jobs
from geoloc.report.sweep.leaderboard import Entry, rank
from geoloc.textfiles import write_whole

SHOWN = (1, 5)  # recalls in the table; leaderboard.csv has all
BESIDE = ("study.md", "study.csv", "leaderboard.csv")


def write_leaderboard_page(sweep: Path, jobs: Sequence[SweepJob] | None = None) -> Path:
    """Write leaderboard.html: what came out of each job, by which of the swept keys, and why the others failed.

    Args:
        sweep: The sweep's folder; each job has a folder in it.
        jobs: Of the sweep, if they have been read already.

    Returns:
        The page.
    """
    jobs = read_jobs(sweep) if jobs is None else jobs
    board = rank(jobs)
    metrics = _shown([key for job in jobs for key in job.recalls])
    keys = list(board.entries[0].keys) if board.entries else []
    validation = "validation" if "monitor" in keys else f"validation R@{str(configured(sweep, 'monitor'))[1:]}"
    environment = Environment(loader=PackageLoader("geoloc.report"), autoescape=select_autoescape())
    page = sweep / "leaderboard.html"
    text = environment.get_template("leaderboard.html").render(
        name=f"{sweep.resolve().parent.name} / {sweep.resolve().name}",
        counts=_counts(jobs),
        board=board,
        keys=keys,
        metrics=[(metric, *metric.rsplit("/R", 1)) for metric in metrics],
        validation=validation if any(job.validated is not None for job in jobs) else "",
        links={entry.job.name: _link(sweep, entry) for entry in board.entries},
        logs={job.name: _address(sweep, job.name, "debug.log") for job in jobs},
        failed=[entry for entry in board.entries if entry.job.error],
        same=_same(jobs),
        parallel=parallel(board),
        scatters=scatters(board),
        duration=duration,
        brief=brief,
        beside=[name for name in BESIDE if (sweep / name).is_file()],
    )
    write_whole(page, text)
    return page


def _shown(recalls: Sequence[str]) -> list[str]:
    """R@1 and R@5 of each domain, or its lowest other N, as "<domain>/R<N>"."""
    domains: dict[str, set[int]] = {}
    for key in recalls:
        domain, _, n = key.rpartition("/R")
        domains.setdefault(domain, set()).add(int(n))
    return [
        f"{domain}/R{n}" for domain, ns in domains.items() for n in ([n for n in SHOWN if n in ns] or sorted(ns)[:1])
    ]


def _counts(jobs: Sequence[SweepJob]) -> str:
    """Such as "4 jobs: 3 finished, 1 failed"."""
    said = ["begun" if job.status == NO_RESULTS else job.status for job in jobs]
    return f"{len(jobs)} job{'s' * (len(jobs) != 1)}: " + ", ".join(
        f"{said.count(status)} {status}" for status in dict.fromkeys(said)
    )


def _same(jobs: Sequence[SweepJob]) -> str:
    """What was typed the same for all jobs."""
    first = jobs[0].typed if jobs else {}
    return " ".join(
        f"{key}={value}" for key, value in first.items() if all(job.typed.get(key) == value for job in jobs)
    )


def _link(sweep: Path, entry: Entry) -> str:
    """Address of a job's report, or of its log where there is none; "" if there is nothing to look at."""
    name = entry.job.name
    return _address(sweep, name, "report.html") or _address(sweep, name, "debug.log")


def _address(sweep: Path, job: str, file: str) -> str:
    """Of a job's file, seen from the page; "" if there is no such file."""
    return f"{quote(job)}/{file}" if (sweep / job / file).is_file() else ""


def duration(seconds: float) -> str:
    """Such as 1:02:03 or 2:03.

    Args:
        seconds: Wall time.

    Example:
        >>> duration(3723.4), duration(123), duration(3.2)
        ('1:02:03', '2:03', '0:03')
    """
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def brief(value: str) -> str:
    """A value as typed, but for numbers that a search has drawn, of which four digits tell enough.

    Args:
        value: As typed.

    Example:
        >>> brief("2.257895780825325"), brief("4.331028268060324e-05"), brief("0.0005"), brief("resnet18")
        ('2.258', '4.331e-05', '0.0005', 'resnet18')
    """
    if len(value) <= 9:
        return value
    try:
        return f"{float(value):.4g}" if not value.isdigit() else value
    except ValueError:
        return value
