"""Decodes every image once, in several processes, and goes on where it was stopped."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import parent_process
from pathlib import Path

from geoloc.data.check.cache import Key, ScanCache
from geoloc.data.check.photos import Photos
from geoloc.data.check.record import Record, measure

CHUNK = 16  # files that a process takes at once
PAUSE = 2.0  # seconds between two writings to the cache


def scan(
    paths: Sequence[Path], workers: int, cache: ScanCache, progress: Callable[[int, int], None] | None = None
) -> Photos:
    """Measure files, each once whatever the number of times it is listed.

    Args:
        paths: (N,) image files.
        workers: Processes; 0: this one.
        cache: Asked first; what is measured goes there every few seconds.
        progress: Told (done, total) of the files that are decoded now.

    Returns:
        (N,) photos in that order.
    """
    names = [str(Path(path).absolute()) for path in paths]
    keys = [_key(name) for name in dict.fromkeys(names)]
    known = cache.get([key for key in keys if key[1] >= 0])
    todo = [key for key in keys if key[0] not in known]
    fresh: list[tuple[Key, Record]] = []
    written = time.monotonic()
    try:
        for done, (row, record) in enumerate(_measured([key[0] for key in todo], workers), start=1):
            known[todo[row][0]] = record
            fresh.append((todo[row], record))
            if time.monotonic() - written > PAUSE:
                cache.put(fresh)
                fresh, written = [], time.monotonic()
            if progress is not None:
                progress(done, len(todo))
    finally:  # also when it is interrupted
        cache.put(fresh)
    return Photos.of([known[name] for name in names])


def _key(name: str) -> Key:
    """What a file's record is kept under; -1 bytes if there is no such file."""
    try:
        state = Path(name).stat()
    except OSError:
        return name, -1, 0
    return name, state.st_size, state.st_mtime_ns


def _measured(names: list[str], workers: int) -> Iterator[tuple[int, Record]]:
    """(row, record) of each file as it comes."""
    if workers == 0 or len(names) <= CHUNK:
        yield from ((row, measure(name)) for row, name in enumerate(names))
        return
    pool = ProcessPoolExecutor(workers, initializer=_live_with_the_parent)
    try:
        firsts = range(0, len(names), CHUNK)
        jobs = {pool.submit(_measure_all, names[first : first + CHUNK]): first for first in firsts}
        for job in as_completed(jobs):
            yield from enumerate(job.result(), start=jobs.pop(job))
    finally:
        pool.shutdown(cancel_futures=True)


def _live_with_the_parent() -> None:
    """Leave interrupts to the parent, and end when it is killed; else this process would wait for work for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _measure_all(names: list[str]) -> list[Record]:
    return [measure(name) for name in names]
