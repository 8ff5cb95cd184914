"""task=localize: where were these photos taken? Their positions are not needed; those of the database are.

Writes answers.csv, answers.geojson, predictions.csv, report.html, and the index of the database, which the next call
can search without describing anything again.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np

from geoloc.data.georeferenced import photos_without
from geoloc.data.overlap import same_file
from geoloc.data.pixels import whole
from geoloc.data.positions_said import metres_apart, positions_said
from geoloc.earth import earth_centred, to_latlon
from geoloc.errors import InputError
from geoloc.index.fitting import release
from geoloc.locator import Locator
from geoloc.report.answers.asked import Asked, Base
from geoloc.report.answers.files import write_files
from geoloc.report.answers.page import write_answer_page
from geoloc.tasks.answers_told import base_of, lines_of, localization_facts, print_answers, protocol_facts, rows_of
from geoloc.tasks.build import start_of
from geoloc.tasks.job import Job
from geoloc.tasks.locating import open_locator, refuse
from geoloc.tasks.results import describe_model, model_facts, write_status

log = logging.getLogger(__name__)


def do(job: Job) -> None:
    """Run the task.

    Raises:
        InputError: Among others where some photos cannot be read; all is written by then, and says which.
    """
    refuse(job, ("queries", "report_queries", "resume"), "task=localize, which learns nothing and judges nothing")
    start = time.perf_counter()
    queries, problems = [], []
    try:
        queries = photos_without(job.cfg["queries"])
    except InputError as error:
        problems = [f"queries: {line}" for line in error.problems]
    problems += _nothing_readable(job, queries)
    locator = open_locator(job, problems)
    weights, trained = start_of(locator.net)
    facts = model_facts(locator.net, job.cfg["checkpoint"] or (weights if trained else "untrained"))
    log.info("%s", describe_model(facts))
    seconds = {"database": time.perf_counter() - start}
    start = time.perf_counter()
    asked = _ask(job, locator, queries)
    seconds["queries"] = time.perf_counter() - start
    _write(job, locator, asked, facts, seconds)
    if asked.unreadable:
        first = ": ".join(next(iter(asked.unreadable.items())))
        raise InputError(
            f"{len(asked.unreadable)} of {len(asked.names)} photos cannot be read; answers.csv names them and has the"
            f" answers to all others. The first: {first}"
        )


def _nothing_readable(job: Job, queries: list[Path]) -> list[str]:
    """What is wrong if no photo can be read: found out before a database is described for nothing."""
    first = ""
    for path in queries:
        try:
            whole(path)
        except InputError as error:
            first = first or str(error)
        else:
            return []
    return [f"queries={job.cfg['queries']}: none of {len(queries)} photos can be read: {first}"] if queries else []


def _ask(job: Job, locator: Locator, queries: list[Path]) -> Asked:
    """Locate the photos, and find out how far off that is where they say it themselves."""
    vectors, reasons = locator.describe(queries)
    readable = [number for number in range(len(queries)) if number not in reasons]
    crops = np.isfinite(vectors[:, 0])
    source = Path(job.cfg["queries"])
    root = source if source.is_dir() else source.parent
    names = [path.relative_to(root).as_posix() for path in queries]
    paths = [queries[number] for number in readable]
    answers = locator.answer(vectors[crops], paths, [names[number] for number in readable])
    release(locator.built)
    base = base_of(locator.index)
    said, zones = positions_said(paths, base.local)
    errors = metres_apart(answers.utm, answers.zones, said, zones)
    _warn_of_same(locator, answers.predictions.ids[:, 0], paths)
    unreadable = {names[number]: why.removeprefix(f"{queries[number]}: ") for number, why in reasons.items()}
    return Asked(root, names, unreadable, answers, base, errors, _truth(said, zones, base, errors))


def _truth(said: np.ndarray, zones: np.ndarray, base: Base, errors: np.ndarray) -> np.ndarray:
    """(Q, A) places that photos say, in the frame of the database; NaN where they say none, or one in another frame."""
    found = np.full((len(said), base.xy.shape[1]), np.nan)
    rows = np.flatnonzero(np.isfinite(errors))
    if found.shape[1] == 3:
        found[rows] = earth_centred(to_latlon(said[rows], zones[rows]))
        return found
    number = str(base.zones[0]).split()[:1]
    rows = np.array([row for row in rows if base.local or str(zones[row]).split()[:1] == number], np.int64)
    found[rows] = said[rows]
    return found


def _warn_of_same(locator: Locator, first: np.ndarray, paths: list[Path]) -> None:
    """Warn of photos that are in the database themselves, where finding them shows nothing."""
    found = [Path(locator.index.paths[row]) for row in first]
    same = [query for query, path in zip(paths, found, strict=True) if same_file(query, path)]
    if same:
        log.warning(
            "%d of %d photos are in the database too (%s%s): that these are found shows nothing",
            *(len(same), len(paths), same[0], ", ..." if len(same) > 1 else ""),
        )


def _write(job: Job, locator: Locator, asked: Asked, facts: dict[str, Any], seconds: dict[str, float]) -> None:
    """Files, page, results.json and table."""
    no_degrees = write_files(job.folder, asked)
    if no_degrees:
        log.warning("%s", no_degrees)
    lines = lines_of(job, locator, asked)
    protocol = protocol_facts(job, locator)
    page = write_answer_page(
        job.folder,
        asked,
        locator.radius,
        job.cfg["report_queries"],
        lines,
        job.warnings,
        rows_of(locator, asked, facts, protocol),
        job.command,
    )
    write_status(
        job,
        "finished",
        model=facts,
        protocol=protocol,
        localization=localization_facts(job, locator, asked),
        seconds={stage: round(value, 2) for stage, value in seconds.items()},
    )
    print_answers(asked)
    for line in lines:
        log.info("%s", line)
    log.info("report: %s; tables: answers.csv%s, predictions.csv", page, "" if no_degrees else ", answers.geojson")
