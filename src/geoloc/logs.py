"""How log records look on the console, and which of them results.json keeps."""

from __future__ import annotations

import logging


class ConsoleFormatter(logging.Formatter):
    """The bare message; warnings and errors say what they are."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as text."""
        text = record.getMessage()
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
        text = record.getMessage()
        if text not in self.texts:
            self.texts.append(text)
