"""task=demo: a page on this machine that tells where a photo was taken, until Ctrl-C."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from geoloc.data.georeferenced import photos_without
from geoloc.demo.about import about
from geoloc.demo.app import Example, make_app
from geoloc.demo.server import bind, serve
from geoloc.locator import Locator
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
    how = job.cfg["demo"]
    taken = bind(how["host"], how["port"])
    try:
        tried = photos_without(job.cfg["queries"]) if job.cfg["queries"] else None
        locator = open_locator(job)
        locator.how.shown = False  # a bar for each photo would fill the log
        locator.how.workers = 0
        examples = _examples(locator, tried)
        said = about(locator, _name(Path(job.cfg["database"])), tried is None)
        app = make_app(locator, said, examples, most=int(1e6 * how["max_mb"]), host=how["host"])
        log.info("%s %s", said.loaded, said.calibrated)
        serve(app, taken)
    finally:
        taken.close()
    write_status(job, "finished")


def _examples(locator: Locator, tried: list[Path] | None) -> list[Example]:
    """Photos of `queries`, or else of the database, evenly spread."""
    number = len(locator.index) if tried is None else len(tried)
    rows = np.unique(np.linspace(0, number - 1, min(EXAMPLES, number)).round().astype(np.int64)).tolist()
    if tried is not None:
        return [Example(tried[row]) for row in rows]
    return [Example(Path(locator.index.paths[row]), row) for row in rows] if number > 1 else []


def _name(database: Path) -> str:
    """What a database is called: by its folder, or that of the run which has built the index."""
    path = database.resolve()
    return path.parent.name if path.name in ("index", "database") else path.stem if path.suffix == ".csv" else path.name
