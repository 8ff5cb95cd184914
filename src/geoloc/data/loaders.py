"""When a loader's worker processes are worth their start, and how they are started no more often than needed."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Iterator
from typing import Any

import torch.multiprocessing as mp
from torch.utils.data import DataLoader

log = logging.getLogger(__name__)
# Images that a worker has to read to be worth its start, by how processes are started; see docs/performance.md.
# "spawn" and "forkserver" (macOS, Windows) import everything anew in each of them.
WORTH = {"fork": 16, "spawn": 512, "forkserver": 512}


def clamp_workers(wanted: int | None) -> int:
    """Number of loader processes: as asked for, but no more than cores; None: one a core, at most 8."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if wanted is None:
        return min(cores, 8)
    if wanted > cores:
        log.warning("num_workers=%d is more than the %d cores here; using %d", wanted, cores, cores)
    return min(wanted, cores)


def workers_for(images: int, batches: int, most: int) -> int:
    """Loader processes for so much work; 0: the main process reads. They change no image, nor their order.

    Args:
        images: To be read.
        batches: That they come in; a batch is read by one process.
        most: Processes allowed.

    Example:
        >>> workers_for(100_000, 6_250, most=8), workers_for(5, 1, most=8)
        (8, 0)
    """
    # Asked so that nothing is decided by asking: the first method is the default.
    method = mp.get_start_method(allow_none=True) or mp.get_all_start_methods()[0]
    return min(most, images // WORTH[method], batches)


class StartedOnce(DataLoader):
    """A loader that goes on with the workers it has while nothing has been taken from them.

    Lightning starts the train loader twice in each epoch but the first one of a run, before it takes a batch. The
    second start would throw away what the first workers have read, and draw from torch's generator after the epoch's
    seed has been set; a resumed run, which starts once, would then drop out other values than an uninterrupted one.
    """

    begun: weakref.ref[Any] | None = None  # weak, so that workers end where their iterator is given up

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """The batches from the first one on."""
        begun = None if self.begun is None else self.begun()
        if begun is None or begun._num_yielded:
            begun = super().__iter__()
            self.begun = weakref.ref(begun)
        return begun
