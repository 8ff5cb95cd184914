"""Exporters tell their own developers a great deal. It goes into debug.log, and not to the user."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

log = logging.getLogger(__name__)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep warnings, log records and what is printed from the console for a while; exceptions pass."""
    before, printed = logging.root.manager.disable, io.StringIO()
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(printed), redirect_stderr(printed):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
        if printed.getvalue().strip():
            log.debug("%s", printed.getvalue().strip())


def reason(error: BaseException) -> str:
    """What began a failure, in one line: exporters wrap it into reports of many."""
    while error.__cause__ is not None:
        error = error.__cause__
    if "specialized it to be a constant" in str(error):
        return "its code takes the number or the size of the images for a constant"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:160]}" if lines else type(error).__name__
