"""task=compare "runs=[A,B]": what changed in recall from the first run to each other, and which queries flipped.

Takes seconds and reads nothing but the folders of the runs, and photos for its pictures; these may be gone.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from pathlib import Path

from geoloc.errors import InputError
from geoloc.report.compare.apart import left_out, refusals
from geoloc.report.compare.files import console, content, flipped, markdown
from geoloc.report.compare.latex import latex
from geoloc.report.compare.page import write_page
from geoloc.report.compare.pairs import paired
from geoloc.report.compare.rows import Comparison
from geoloc.report.compare.runs import Run
from geoloc.report.compare.settings import read_config, read_typed
from geoloc.tasks.job import Job, refuse_idle
from geoloc.tasks.results import write_status
from geoloc.tasks.saved import open_run
from geoloc.textfiles import write_whole

log = logging.getLogger(__name__)
MATTERS = ("hydra", "name", "other_protocols", "paths", "runs", "task")


def do(job: Job) -> None:
    """Run the task; it leaves compare.md, compare.tex, compare.json, flipped.csv and compare.html."""
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
    write_whole(job.folder / "compare.tex", latex(baseline, found))
    write_whole(job.folder / "compare.json", json.dumps(content(baseline, found), indent=1) + "\n")
    write_whole(job.folder / "flipped.csv", flipped(found))
    missing = write_page(job.folder / "compare.html", title, job.command, baseline, found)
    if missing:
        log.warning("compare.html: %d photos cannot be shown, the first because of: %s", len(missing), missing[0])
    write_status(job, "finished")
    sys.stdout.write(f"\n{console(baseline, found)}\n")
    sys.stdout.flush()
    log.info(
        "compared: %s; tables: compare.md, compare.tex; queries that flipped: flipped.csv", job.folder / "compare.html"
    )


def _open(folders: list[str]) -> list[Run]:
    """The runs, each with a name of its own.

    Raises:
        InputError: They are fewer than two, the same, or no finished runs.
    """
    paths = [Path(folder).resolve() for folder in folders]
    if len(set(paths)) < max(2, len(paths)):
        raise InputError('runs: must be folders of two or more different runs, such as "runs=[A,B]"; A is the baseline')
    runs: list[Run] = []
    problems: list[str] = []
    for name, folder in zip(_names(paths), folders, strict=True):
        try:
            saved = open_run(folder, "runs")
            config, typed = read_config(saved.folder), read_typed(saved.folder)
            runs.append(Run(name, saved.folder, saved.results, config, typed))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(*problems)
    return runs


def _names(paths: list[Path]) -> list[str]:
    """What runs are called: by `name` alone where their folder is a time, if that tells them apart, else by folders."""
    ours = [path.parent.name if re.match(r"\d{4}-\d\d-\d\d_", path.name) else "" for path in paths]
    short = [f"{path.parent.name}/{path.name}" for path in paths]
    return [
        next(
            (name for name, all_of_them in ((own, ours), (two, short)) if name and all_of_them.count(name) == 1),
            str(path),
        )
        for own, two, path in zip(ours, short, paths, strict=True)
    ]


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
        found.append(Comparison(run, pairs, left_out(baseline, run, pairs)))
    if problems:
        raise InputError(*dict.fromkeys(problems))
    return found
