"""task=demo: a page on this machine that tells where a photo was taken, until Ctrl-C."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from geoloc.data.georeferenced import photos_without
from geoloc.demo.about import about
from geoloc.demo.app import Example, make_app
from geoloc.demo.server import bind, serve
from geoloc.errors import InputError
from geoloc.locator import Locator
from geoloc.places import SPLITS
from geoloc.search import choice_of
from geoloc.tasks import build
from geoloc.tasks.job import Job
from geoloc.tasks.locating import open_locator, refuse
from geoloc.tasks.results import write_status

log = logging.getLogger(__name__)
EXAMPLES = 8  # photos to try, evenly spread


def do(job: Job) -> None:
    """Run the task; it returns when it is ended by Ctrl-C or SIGTERM.

    Raises:
        InputError: The port is not free, or something does not fit, before anything is described.
    """
    refuse(job, ("demo", "queries"), "task=demo, which learns nothing and judges nothing")
    _refuse_sequences(job)
    how = job.cfg["demo"]
    tried = photos_without(job.cfg["queries"]) if job.cfg["queries"] else None
    with bind(how["host"], how["port"]) as taken:
        locator = open_locator(job)
        _one_by_one(locator)
        said = about(locator, _name({str(Path(path).parent) for path in locator.index.paths}), tried is None)
        app = make_app(locator, said, _examples(locator, tried), most=int(1e6 * how["max_mb"]), host=how["host"])
        log.info("%s %s", said.loaded, said.calibrated)
        serve(app, taken)
    write_status(job, "finished")


def _refuse_sequences(job: Job) -> None:
    """Steps that compare photos with those before and after them have none here.

    Raises:
        InputError: Names the first such step.
    """
    for step in build.steps(job):
        if "order" in step.needs:
            raise InputError(
                f"postprocess: {choice_of(step)} has no effect on task=demo, where each photo comes alone; leave it out"
            )


def _one_by_one(locator: Locator) -> None:
    """Make ready for photos that come one by one, so that the first does not wait longer than the others."""
    how = locator.how
    locator.how = replace(how, shown=False, workers=0, batch=how.batch or how.view.count)
    try:
        locator.locate(Path(locator.index.paths[0]))
    except InputError as error:  # the photos of an index may be gone; it answers all the same
        log.warning("photos of the database may be missing on the page: %s", error)


def _examples(locator: Locator, tried: list[Path] | None) -> list[Example]:
    """Photos of `queries`, or else of the database, evenly spread."""
    number = len(locator.index) if tried is None else len(tried)
    rows = np.unique(np.linspace(0, number - 1, min(EXAMPLES, number)).round().astype(np.int64)).tolist()
    if tried is not None:
        return [Example(tried[row]) for row in rows]
    return [Example(Path(locator.index.paths[row]), row) for row in rows] if number > 1 else []


def _name(folders: Iterable[str]) -> str:
    """What the photos of these folders are called together: as the first folder above them all with a name of its own.

    Example:
        >>> _name(["/data/my_city/images/test/database/north", "/data/my_city/images/test/database/south"])
        'my_city'
    """
    common = Path(os.path.commonpath(folders))
    usual = {"", "database", "images", *SPLITS}
    return next((path.name for path in (common, *common.parents) if path.name not in usual), "this machine")
