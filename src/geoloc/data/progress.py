"""How far long work is: bars on a terminal, a plain line now and then in a log file. One look for all work.

Nothing is drawn by a thread of its own, so loader processes may be forked at any time, and the cursor stays where it
is seen, so that a terminal is in order however a run ends.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from geoloc.console import fancy, shows_progress, terminal, write_line

REDRAW = 0.1  # seconds between two looks of a bar
PAUSE = 10.0  # seconds between two lines in a log file; what takes less is told by no line at all
ECHO = 4  # columns beside the bars for the ^C that a terminal shows; a wrapped one would have the wrong lines erased


def clock(seconds: float) -> str:
    """Minutes and seconds, or hours too.

    Example:
        >>> clock(75.4), clock(3 * 3600 + 2)
        ('1:15', '3:00:02')
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def pace(rate: float, unit: str) -> str:
    """A rate, upside down where it is slow.

    Example:
        >>> pace(1234.4, "images"), pace(2.5, "tuples"), pace(0.1, "epochs")
        ('1,234 images/s', '2.5 tuples/s', '10 s each')
    """
    if rate >= 1:
        return f"{rate:,.0f} {unit}/s" if rate >= 10 else f"{rate:.1f} {unit}/s"
    return f"{1 / rate:,.0f} s each" if rate > 0 else ""


class Bar:
    """Progress of one piece of work; shown from the first call of `advance` on.

    Args:
        what: Name of the work.
        unit: What is counted, in the plural.
        shown: False: nothing is shown.
        told: Work that took long leaves no line behind, since the log tells of it anyway.
    """

    def __init__(self, what: str, unit: str = "images", shown: bool = True, told: bool = False) -> None:
        self.what = what
        self.unit = unit
        self.shown = shown and shows_progress()
        self.told = told
        self.start = self.drawn = time.monotonic()
        self.done = self.total = 0
        self.note = ""
        self.first: tuple[float, int] | None = None
        self.row: Any = None

    def advance(self, done: int, total: int, note: str = "") -> None:
        """Tell how much is done.

        Args:
            done: So far.
            total: Of all; 0 where nobody knows.
            note: More to be said at the end of the line, such as the loss.
        """
        now = time.monotonic()
        self.done, self.total, self.note = done, total, note
        if self.first is None:
            self.first = (now, done)
        if not self.due(done, total):
            return
        self.drawn = now
        if fancy(sys.stderr):
            if self.row is None:
                self.row = _display.add(self, now)
            else:
                _display.draw(now)
        else:
            write_line(self.line(now))

    def due(self, done: int, total: int) -> bool:
        """Whether `advance` is going to write, so that what costs time need only be worked out then."""
        waited = time.monotonic() - self.drawn
        if fancy(sys.stderr):
            return self.shown and (self.row is None or done == total or waited >= REDRAW)
        return self.shown and waited >= PAUSE

    def close(self) -> None:
        """Take the bar away. Long work leaves a line that tells what it took."""
        _display.remove(self)
        self.row = None
        now = time.monotonic()
        if self.shown and self.first is not None and now - self.start >= PAUSE and not self.told:
            write_line(self.line(now))
        self.shown = False

    def figures(self, now: float) -> dict[str, str]:
        """What is told, in order: count, rate, time so far, time left, note.

        Args:
            now: The monotonic clock, in seconds.
        """
        count = f"{self.done:,}/{self.total:,}" if self.total else f"{self.done:,} {self.unit}"
        rate = self._rate(now)
        left = (self.total - self.done) / rate if rate and self.total else None
        return {
            "count": count,
            "rate": pace(rate, self.unit),
            "elapsed": clock(now - self.start),
            "left": "" if left is None else f"ETA {clock(left)}",
            "note": self.note,
        }

    def line(self, now: float) -> str:
        """The same in one line of a log file."""
        figures = self.figures(now)
        if self.done == self.total:
            figures["left"] = ""
        if self.total:
            figures["count"] += f" {self.unit}"
        return f"{self.what}: {', '.join(each for each in figures.values() if each)}"

    def _rate(self, now: float) -> float:
        """Units a second since the first ones were done, so that the start of loader processes does not count."""
        assert self.first is not None
        since, done = self.first
        if self.done > done and now > since:
            return (self.done - done) / (now - since)
        return self.done / (now - self.start) if now - self.start > REDRAW else 0.0  # no rate of an instant


class _Display:
    """The bars that the terminal shows now, below each other."""

    def __init__(self) -> None:
        self.progress: Any = None
        self.bars: list[Bar] = []

    def add(self, bar: Bar, now: float) -> Any:
        """The row of a bar; the first one opens the table."""
        self.bars.append(bar)
        if self.progress is None:
            self.progress = _table()
            self.progress.start()
            self.progress.console.show_cursor(True)
        return self.progress.add_task(bar.what, completed=bar.done, total=bar.total or None, **bar.figures(now))

    def draw(self, now: float) -> None:
        """Draw all bars as they are now; the time goes on for those too that wait for another one."""
        for bar in self.bars:
            if bar.row is not None:
                self.progress.update(bar.row, completed=bar.done, total=bar.total or None, **bar.figures(now))
        self.progress.refresh()

    def remove(self, bar: Bar) -> None:
        """Take the row of a bar away; the last one closes the table."""
        if bar not in self.bars:
            return
        self.bars.remove(bar)
        if self.progress is None:  # the run was interrupted just before
            return
        if self.bars:
            rows = {each.row for each in self.bars}
            for row in self.progress.task_ids:
                if row not in rows:  # and not `bar.row`, which a bar lacks that was interrupted as it was opened
                    self.progress.remove_task(row)
            self.progress.refresh()
        else:
            self.progress.stop()
            self.progress = None


_display = _Display()


def clear() -> None:
    """Take all bars away, whoever has opened them, and what has been typed; for runs that are cut off."""
    if not _display.bars and fancy(sys.stderr):
        sys.stderr.write("\r\x1b[K")
    for bar in list(_display.bars):
        bar.told = True
        bar.close()
    terminal.cache_clear()  # one that was interrupted as it wrote might keep to itself what comes


def _table() -> Any:
    """A table of bars without rows."""
    from rich.constrain import Constrain
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    console = terminal()

    class Narrower(Progress):
        def get_renderables(self) -> Iterator[Constrain]:
            return (Constrain(each, console.width - ECHO) for each in super().get_renderables())

    def text(field: str, style: str = "", **column: Any) -> TextColumn:
        kept = Column(no_wrap=True, **column)
        return TextColumn("{task." + field + "}", style=style, markup=False, table_column=kept)

    columns = [
        text("description"),
        BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=8)),
        text("fields[count]", justify="right"),
        text("fields[rate]", "green", justify="right"),
        text("fields[elapsed]", "dim", justify="right"),
        text("fields[left]", "cyan", justify="right"),
        text("fields[note]"),
    ]
    return Narrower(
        *columns,
        console=console,
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,  # forked processes must not meet rich's lock
        redirect_stderr=False,
        expand=True,
    )


@contextmanager
def progress_bar(
    what: str, unit: str = "images", shown: bool = True, told: bool = False
) -> Iterator[Callable[..., None]]:
    """Show progress, rate and time left of `what`; see `Bar` and its `advance(done, total)`."""
    bar = Bar(what, unit, shown, told)
    try:
        yield bar.advance
    except BaseException:
        bar.told = True  # there is an error to be told, and nothing is left to be waited for
        raise
    finally:
        bar.close()
