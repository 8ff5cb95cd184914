"""What the terminal may show: how much, with or without bars and colours, and from which process."""

from __future__ import annotations

import os
import sys
from functools import cache
from textwrap import fill
from typing import IO, TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import Console

Mode = Literal["rich", "plain", "quiet"]

# Where Lightning, torchrun and SLURM say which process of a run this is.
RANKS = ("RANK", "NODE_RANK", "LOCAL_RANK", "SLURM_PROCID")


class _Chosen:
    mode: Mode = "rich"
    bars: bool = True


def choose(mode: Mode, bars: bool = True) -> None:
    """Say what this process may show from now on.

    Args:
        mode: "rich": bars, colours and tables where standard error is a terminal, plain lines elsewhere; "plain": plain
            lines everywhere; "quiet": no progress (the handler of the log leaves out all below a warning).
        bars: Whether progress is shown at all.
    """
    _Chosen.mode, _Chosen.bars = mode, bars


def first_process() -> bool:
    """Whether this is the process that speaks for a run on several devices."""
    if "RANK" in os.environ:  # of all processes; the others count within a machine, or machines
        return os.environ["RANK"] == "0"
    return all(os.environ.get(name, "0") == "0" for name in RANKS)


def shows_progress() -> bool:
    """Whether this process tells how far its work is."""
    return _Chosen.bars and _Chosen.mode != "quiet" and first_process()


def fancy(stream: IO[str]) -> bool:
    """Whether bars, panels and colours may be written to a stream: it is a terminal that can show them."""
    able = os.environ.get("TERM", "") not in ("dumb", "unknown")
    return _Chosen.mode == "rich" and able and first_process() and stream.isatty()


@cache
def terminal(error: bool = True) -> Console:
    """The console of rich for standard error, or else of standard output; without colours under NO_COLOR."""
    from rich.console import Console

    return Console(stderr=error, highlight=False, markup=False, emoji=False)


def write_line(text: str, style: str = "", whole: bool = False) -> None:
    """Write to standard error, above the bars if there are any.

    Args:
        text: A terminal breaks its lines at blanks alone, so that paths can be copied.
        style: Of rich, such as "yellow"; for terminals alone.
        whole: Nor at blanks, so that commands can be copied.
    """
    if fancy(sys.stderr):
        from rich.text import Text

        if not whole:
            text = "\n".join(
                fill(line, terminal().width, break_long_words=False, break_on_hyphens=False)
                for line in text.split("\n")
            )
        terminal().print(Text(text, style), soft_wrap=True)  # a style of `print` would colour the bars too
    else:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def level_of(mode: str) -> str:
    """Lowest level of log records that the console shows; processes beside the first one show errors alone.

    Example:
        >>> level_of("plain"), level_of("quiet")
        ('INFO', 'WARNING')
    """
    if not first_process():
        return "ERROR"
    return "WARNING" if mode == "quiet" else "INFO"
