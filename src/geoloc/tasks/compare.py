"""task=compare "runs=[A,B]": what changed in recall from the first run to each other, and which queries flipped.

Takes seconds and reads nothing but the folders of the runs; their photos may be gone.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

from geoloc.errors import InputError
from geoloc.report.compared import Run, left_out, paired, refusals
from geoloc.report.comparison import Comparison, config_differences, console, content, flipped, markdown
from geoloc.tasks.job import Job, refuse_idle
from geoloc.tasks.results import write_status
from geoloc.tasks.saved import open_run
from geoloc.textfiles import write_whole

log = logging.getLogger(__name__)
MATTERS = ("hydra", "name", "other_protocols", "paths", "runs", "task")


def do(job: Job) -> None:
    """Run the task; it leaves compare.md, compare.json and flipped.csv."""
    refuse_idle(job, MATTERS, "task=compare, which reads finished runs")
    baseline, *others = _open(job.cfg["runs"] or [])
    found = _compared(baseline, others, job.cfg["other_protocols"])
    for each in found:
        for line in each.left_out:
            log.info("left out: %s", line)
        for pair in each.pairs:
            for about, (before, after) in pair.apart.items():
                log.warning("%s: OTHER PROTOCOL: %s: %s before, %s after", pair.domain, about, before, after)
    title = f"{job.folder.parent.name} / {job.folder.name}"
    write_whole(job.folder / "compare.md", markdown(title, baseline, found))
    write_whole(job.folder / "compare.json", json.dumps(content(baseline, found), indent=1) + "\n")
    write_whole(job.folder / "flipped.csv", flipped(found))
    write_status(job, "finished")
    sys.stdout.write(f"\n{console(baseline, found)}\n")
    sys.stdout.flush()
    log.info("compared: %s; queries that flipped: %s", job.folder / "compare.md", job.folder / "flipped.csv")


def _open(folders: list[str]) -> list[Run]:
    """The runs, each with a name of its own.

    Raises:
        InputError: They are fewer than two, the same, or no finished runs.
    """
    paths = [Path(folder).resolve() for folder in folders]
    if len(set(paths)) < max(2, len(paths)):
        raise InputError('runs: must be folders of two or more different runs, such as "runs=[A,B]"; A is the baseline')
    short = [f"{path.parent.name}/{path.name}" for path in paths]
    names = [own if short.count(own) == 1 else str(path) for own, path in zip(short, paths, strict=True)]
    runs: list[Run] = []
    problems: list[str] = []
    for name, folder in zip(names, folders, strict=True):
        try:
            saved = open_run(folder, "runs")
            runs.append(Run(name, saved.folder, saved.results))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(*problems)
    return runs


def _compared(baseline: Run, others: list[Run], other_protocols: bool) -> list[Comparison]:
    """Each of the others against the baseline.

    Raises:
        InputError: With a line for each thing that forbids it.
    """
    found: list[Comparison] = []
    problems: list[str] = []
    for run in others:
        try:
            pairs = paired(baseline, run)
        except InputError as error:
            problems += error.problems
            continue
        if not other_protocols:
            problems += refusals(baseline, run, pairs)
        found.append(Comparison(run, pairs, left_out(baseline, run, pairs), config_differences(baseline, run)))
    if problems:
        raise InputError(*dict.fromkeys(problems))
    return found
