"""How log records look on the console, and which of them results.json keeps."""

from __future__ import annotations

import logging
import re
import sys

from geoloc.console import fancy, terminal, write_line

# What libraries tell at level INFO is for debug.log, such as which devices there are not.
CHATTY = ("faiss", "lightning", "lightning_fabric", "matplotlib", "pytorch_lightning", "wandb")
STYLES = {logging.WARNING: "yellow", logging.ERROR: "bold red", logging.CRITICAL: "bold red"}


def message_of(record: logging.LogRecord) -> str:
    r"""A record's message; of a warning of Python's, only what it says and not where it was raised.

    Example:
        >>> text = "/lib/x.py:3: UserWarning: mind the gap\n  warn(...)"
        >>> message_of(logging.LogRecord("py.warnings", logging.WARNING, "", 0, "%s", (text,), None))
        'mind the gap'
    """
    text = record.getMessage().strip()
    found = re.match(r".*?:\d+: \w*Warning: (.*)", text) if record.name == "py.warnings" else None
    return found.group(1) if found else text


def no_chatter(record: logging.LogRecord) -> bool:
    """Whether a record is worth a reader's time: all but what chatty libraries tell below a warning.

    Example:
        >>> record = logging.LogRecord("lightning.pytorch", logging.INFO, "", 0, "TPU available: False", (), None)
        >>> no_chatter(record)
        False
    """
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] not in CHATTY


class NoChatter(logging.Filter):
    """See `no_chatter`."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is kept."""
        return no_chatter(record)


class ConsoleFormatter(logging.Formatter):
    """The bare message; warnings and errors say what they are."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as text."""
        text = message_of(record)
        return text if record.levelno < logging.WARNING else f"{record.levelname.lower()}: {text}"


class ConsoleHandler(logging.Handler):
    """Writes records to standard error, above the bars of a terminal.

    A record may bring something of rich's as `extra={"picture": ...}`, which a terminal shows in place of the text, or
    `extra={"whole": True}` if a terminal is not to break its lines.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            picture = getattr(record, "picture", None)
            if picture is not None and fancy(sys.stderr):
                terminal().print(picture)
            else:
                write_line(self.format(record), STYLES.get(record.levelno, ""), getattr(record, "whole", False))
        except Exception:
            self.handleError(record)


class Collector(logging.Handler):
    """Appends every warning to a list.

    Args:
        texts: The list.
    """

    def __init__(self, texts: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.texts = texts

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record's text, once."""
        text = message_of(record)
        if text not in self.texts:
            self.texts.append(text)
