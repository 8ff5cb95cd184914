"""How log records look on the console, and which of them results.json keeps."""

from __future__ import annotations

import logging
import re


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


class ConsoleFormatter(logging.Formatter):
    """The bare message; warnings and errors say what they are."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as text."""
        text = message_of(record)
        return text if record.levelno < logging.WARNING else f"{record.levelname.lower()}: {text}"


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
