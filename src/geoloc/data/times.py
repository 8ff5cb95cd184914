"""Times as file names and tables of photos write them, in one form: ISO 8601."""

from __future__ import annotations

import re
from datetime import datetime

# The beginning of YYYYMMDD_hhmmss that a file's name may say, down to the year.
_NAMED = re.compile(r"((?:19|20)\d\d)(?:(\d\d)(?:(\d\d)(?:[_T-]?(\d\d)(?:(\d\d)(?:(\d\d))?)?)?)?)?")
_BETWEEN = ("", "-", "-", "T", ":", ":")
_LEAST = ("2000", "01", "01", "00", "00", "00")


def iso_time(text: str) -> str:
    """A time as ISO 8601 says it, as far as it is known; empty if it is none.

    Args:
        text: `YYYYMMDD_hhmmss` or a beginning of it, or ISO 8601.

    Example:
        >>> iso_time("20240601_120000"), iso_time("202406"), iso_time("2024-06-01 14:00+02:00"), iso_time("tuesday")
        ('2024-06-01T12:00:00', '2024-06', '2024-06-01T14:00:00+02:00', '')
    """
    text = text.strip()
    named = _NAMED.fullmatch(text)
    if named is None:
        return _read(text) if text[:2] in ("19", "20") else ""
    parts = [part for part in named.groups() if part is not None]
    if len(parts) == 4:  # an hour alone is none of ISO 8601's with minutes left out by `datetime`
        parts.append("00")
    joined = "".join(mark + part for mark, part in zip(_BETWEEN, parts, strict=False))
    whole = "".join(mark + part for mark, part in zip(_BETWEEN, [*parts, *_LEAST[len(parts) :]], strict=True))
    return joined if _read(whole) else ""


def _read(text: str) -> str:
    """What `datetime` makes of a text, as ISO 8601; empty if it makes nothing of it."""
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:  # month 0 and the like
        return ""
