"""Arrays that are mapped from a file: what has been read or written of them need not stay in memory."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np


def forget(array: Any) -> None:
    """Let the system have the memory of a mapped array's pages; what was written is in the file. No-op for others.

    The system would take it anyway, but only once it is short of memory; until then the process looks as large as the
    file, and limits of containers count it.

    Args:
        array: Mapped shared (modes "r" and "r+" of numpy), a part of such an array, or several of them as `Stacked`.
    """
    if hasattr(array, "forget"):
        array.forget()
        return
    found: Any = array
    while isinstance(found, np.ndarray):
        if getattr(found, "mode", "r") == "c":  # its changes are in memory alone
            return
        found = found.base
    if isinstance(found, mmap.mmap) and hasattr(found, "madvise"):
        found.madvise(mmap.MADV_DONTNEED)
