"""Times as people, tracks and file names write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from geoloc.errors import InputError


def parse_time(text: str) -> datetime:
    """A time such as 2024-06-01T12:00:00Z, 2024-06-01 14:00:00+02:00 or 2024-06-01.

    Raises:
        ValueError: It is no time.
    """
    return datetime.fromisoformat(text.strip())


def aware(time: datetime, ahead: float = 0) -> datetime:
    """A time in UTC; one that says no zone is of a clock that is `ahead` of UTC by so many seconds."""
    return (
        time.astimezone(UTC)
        if time.tzinfo
        else datetime.fromtimestamp(time.replace(tzinfo=UTC).timestamp() - ahead, UTC)
    )


def field(time: datetime | None) -> str:
    """A time as file names have it, `YYYYMMDD_hhmmss`: in UTC if it says its zone, else as it is.

    Example:
        >>> field(parse_time("2024-06-01T14:00:00+02:00")), field(parse_time("2024-06-01 14:00:00")), field(None)
        ('20240601_120000', '20240601_140000', '')
    """
    if time is None:
        return ""
    return (time.astimezone(UTC) if time.tzinfo else time).strftime("%Y%m%d_%H%M%S")


def in_name(name: str) -> datetime | None:
    """The time that a file's name says, such as 20240601_140000.jpg or PXL_20240601_140000123.jpg.

    Example:
        >>> in_name("IMG_20240601_140000.250.jpg").isoformat(), in_name("IMG_0001.jpg")
        ('2024-06-01T14:00:00.250000', None)
    """
    found = re.search(r"(?<!\d)(\d{8})[_T-]?(\d{6})(?:\.?(\d{3}))?(?!\d)", name)
    try:
        return datetime.strptime("".join(part or "000" for part in found.groups()), "%Y%m%d%H%M%S%f") if found else None
    except ValueError:
        return None


def of_option(text: str, option: str) -> datetime:
    """The time that an option says.

    Raises:
        InputError: It is no time.
    """
    try:
        return parse_time(text)
    except ValueError:
        raise InputError(f"{option} {text}: is no time such as 2024-06-01 or 2024-06-01T12:00:00Z") from None
