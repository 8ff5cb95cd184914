"""What a job that fails leaves behind: lines in the log, results.json, and what it can go on from."""

from __future__ import annotations

import logging

from geoloc.data.progress import clear
from geoloc.errors import CheckFailedError, InputError
from geoloc.lit.store import tidy
from geoloc.messages import one_line
from geoloc.resume import DESCRIBING
from geoloc.tasks.job import Job
from geoloc.tasks.results import write_status

log = logging.getLogger("geoloc.run")


def note_failure(job: Job, error: BaseException) -> None:
    """Log the failure and leave it in results.json; whatever was written before stays.

    Args:
        job: The run.
        error: What ended it; it is marked as told.
    """
    clear()
    interrupted = isinstance(error, (KeyboardInterrupt, SystemExit))
    if isinstance(error, InputError):
        for problem in error.problems:
            log.error(problem)
    elif isinstance(error, CheckFailedError):
        log.error("%s", error)
    elif interrupted:
        log.error("interrupted%s", f"; continue with resume={job.folder}" if _resumable(job) else "")
    else:
        log.error("%s: %s (traceback in %s)", type(error).__name__, one_line(error), job.folder / "debug.log")
    log.debug("traceback", exc_info=error)
    error.geoloc_logged = True  # type: ignore[attr-defined]
    if not job.cfg["keep_descriptors"]:
        tidy(job.folder / "descriptors")
    write_status(job, "interrupted" if interrupted else "failed", error=f"{type(error).__name__}: {one_line(error)}")


def _resumable(job: Job) -> bool:
    """Whether something is there to go on from: a checkpoint, or descriptors of a test."""
    trained = job.cfg["task"] == "train" and (job.folder / "checkpoints" / "last.ckpt").is_file()
    return trained or job.cfg["task"] in DESCRIBING
