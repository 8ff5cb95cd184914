"""One kind of progress bar for all long work outside of Lightning's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from sys import stderr

from tqdm.auto import tqdm


@contextmanager
def progress_bar(what: str, unit: str = "image") -> Iterator[Callable[[int, int], None]]:
    """Show progress, rate and time left of `what`; the bar appears with the first call of `advance(done, total)`."""
    bar: tqdm | None = None

    def advance(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            # In a log file every update is a line, so there are few.
            pause = 0.1 if stderr.isatty() else 10
            bar = tqdm(total=total, desc=what, unit=unit, dynamic_ncols=True, leave=False, mininterval=pause)
        bar.update(done - bar.n)

    try:
        yield advance
    finally:
        if bar is not None:
            bar.close()
