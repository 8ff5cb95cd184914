"""The files of a sweep, brought up to date whenever one of its jobs ends, on whatever machine."""

from __future__ import annotations

import logging
from pathlib import Path

from filelock import FileLock, Timeout

from geoloc.report.sweep.jobs import read_jobs
from geoloc.report.sweep.leaderboard import write_leaderboard
from geoloc.report.sweep.page import write_leaderboard_page
from geoloc.report.sweep.study import write_study

log = logging.getLogger(__name__)
PATIENCE = 60.0  # seconds to wait for other jobs that write the same files


def write_sweep_files(sweep: Path) -> None:
    """Write leaderboard.csv, study.csv and study.md (over seeds), and leaderboard.html.

    Each job calls this after it has written its results. One at a time, or of two jobs that end together the one that
    has read first could write last, and leave the other out.

    Args:
        sweep: The sweep's folder; each job has a folder in it.
    """
    lock = FileLock(sweep / ".leaderboard.lock", timeout=PATIENCE)
    try:
        lock.acquire()
    except (Timeout, OSError, NotImplementedError) as error:  # a file system without locks; the files are whole anyway
        log.debug("%s: not locked (%s)", sweep, error)
    try:
        jobs = read_jobs(sweep)  # once: hundreds of folders take seconds
        write_leaderboard(sweep, jobs)
        write_study(sweep, jobs)
        write_leaderboard_page(sweep, jobs)
    finally:
        lock.release()
