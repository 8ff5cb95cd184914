"""One kind of progress bar for all long work outside of Lightning's own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm.auto import tqdm


@contextmanager
def progress_bar(what: str, unit: str = "image", shown: bool = True) -> Iterator[Callable[[int, int], None]]:
    """Show progress, rate and time left of `what`; the bar appears with the first call of `advance(done, total)`."""
    bar: tqdm | None = None

    def advance(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            # In a log file every update is a line, so there are few.
            log_file = not sys.stderr.isatty()
            pause = 10 if log_file else 0.1
            bar = tqdm(total=total, desc=what, unit=unit, leave=log_file, mininterval=pause, disable=not shown)
        bar.update(done - bar.n)

    try:
        yield advance
    finally:
        if bar is not None:
            bar.close()
