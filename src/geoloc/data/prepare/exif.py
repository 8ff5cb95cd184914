"""What the EXIF block of a photo says of where and when it was taken.

Cameras write this block in many odd ways, so every part is read by itself. Without a position a photo is of no use, and
`position` says what is wrong; a heading, height or time that cannot be read is only missing.
"""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image

from geoloc.data.prepare.positions import check

GPS = ExifTags.GPS


@dataclass(frozen=True, slots=True)
class Blocks:
    """The two parts of an EXIF block that matter here: tag -> value."""

    camera: dict[int, Any]
    gps: dict[int, Any]


def read_blocks(path: Path) -> Blocks:
    """Read the EXIF block of an image; of the image itself only the head.

    Raises:
        ValueError: The file is no image, or its block cannot be read; the message is one reason in few words.
    """
    with warnings.catch_warnings(action="ignore"):  # Pillow's say no file
        try:
            image = Image.open(path)
        except Exception:  # damaged files raise many things
            raise ValueError("no readable image") from None
        with image:
            try:
                exif = image.getexif()
                return Blocks(dict(exif.get_ifd(ExifTags.IFD.Exif)), dict(exif.get_ifd(ExifTags.IFD.GPSInfo)))
            except Exception:  # so do damaged blocks
                raise ValueError("unreadable EXIF") from None


def position(gps: dict[int, Any]) -> tuple[float, float]:
    """Latitude and longitude in degrees (WGS 84).

    Raises:
        ValueError: There is none, or none that can be believed; the message is one reason in few words.

    Example:
        >>> position({1: "S", 2: (33.0, 51.0, 30.0), 3: "E", 4: (151.0, 15.0, 0.0)})
        (-33.858333333333334, 151.25)
    """
    if GPS.GPSLatitude not in gps or GPS.GPSLongitude not in gps:
        raise ValueError("no GPS position")
    if _word(gps, GPS.GPSStatus) == "V":
        raise ValueError("GPS without a fix (status V)")
    if _word(gps, GPS.GPSMapDatum).startswith("TOKYO"):
        raise ValueError("position in the Tokyo datum, some 400 m off")
    lat = _angle(gps[GPS.GPSLatitude], _word(gps, GPS.GPSLatitudeRef), "NS")
    lon = _angle(gps[GPS.GPSLongitude], _word(gps, GPS.GPSLongitudeRef), "EW")
    check(lat, lon)
    return lat, lon


def heading(gps: dict[int, Any]) -> float | None:
    """Degrees clockwise from north, 0 up to 360; from magnetic north if `magnetic`."""
    value = _number(gps.get(GPS.GPSImgDirection))
    return value % 360 if value is not None and 0 <= value <= 360 else None


def magnetic(gps: dict[int, Any]) -> bool:
    """Whether there is a heading and it counts from magnetic north."""
    return heading(gps) is not None and _word(gps, GPS.GPSImgDirectionRef) == "M"


def height(gps: dict[int, Any]) -> float | None:
    """Metres above sea level."""
    value = _number(gps.get(GPS.GPSAltitude))
    below = gps.get(GPS.GPSAltitudeRef) in (1, 3, b"\x01", b"\x03", "1", "3")
    return -value if value is not None and below else value


def taken(camera: dict[int, Any]) -> datetime | None:
    """When a photo was taken; knows its time zone if the block says that."""
    text = _text(camera.get(ExifTags.Base.DateTimeOriginal))
    found = re.fullmatch(r"((?:19|20)\d\d)\D(\d\d)\D(\d\d)\D(\d\d)\D(\d\d)\D(\d\d)", text)
    fraction = re.match(r"\d{1,6}", _text(camera.get(ExifTags.Base.SubsecTimeOriginal)))
    if not found:
        return None
    zone = _zone(camera.get(ExifTags.Base.OffsetTimeOriginal)) or _zone(camera.get(ExifTags.Base.OffsetTime))
    try:
        year, month, day, hour, minute, second = map(int, found.groups())
        return datetime(
            year, month, day, hour, minute, second, int(fraction[0].ljust(6, "0")) if fraction else 0, tzinfo=zone
        )
    except ValueError:  # month 0 and the like
        return None


def gps_time(gps: dict[int, Any]) -> datetime | None:
    """When the position was measured, in UTC."""
    date = re.fullmatch(r"(\d{4})\D(\d\d)\D(\d\d)", _text(gps.get(GPS.GPSDateStamp)))
    parts = _numbers(gps.get(GPS.GPSTimeStamp))
    if not date or len(parts) != 3:
        return None
    try:
        midnight = datetime(int(date[1]), int(date[2]), int(date[3]), tzinfo=UTC)
    except ValueError:
        return None
    hours, minutes, seconds = parts
    return midnight + timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _zone(value: Any) -> timezone | None:
    found = re.fullmatch(r"([+-])(\d\d):?(\d\d)|Z", _text(value))
    if not found:
        return None
    if found[0] == "Z":
        return UTC
    size = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-size if found[1] == "-" else size) if size < timedelta(hours=24) else None


def _angle(value: Any, half: str, halves: str) -> float:
    """Degrees, minutes and seconds, or fewer of them, as signed degrees."""
    if half not in tuple(halves):
        raise ValueError(f"GPS position without {' or '.join(halves)}")
    parts = _numbers(value)
    if not parts or len(parts) > 3 or min(parts) < 0:
        raise ValueError("unreadable GPS position")
    degrees = sum(part / 60**place for place, part in enumerate(parts))
    return -degrees if half == halves[1] else degrees


def _numbers(value: Any) -> list[float]:
    """The numbers of a tag; none if one of them cannot be read."""
    numbers = [_number(part) for part in (value if isinstance(value, (tuple, list)) else [value])]
    return [] if None in numbers else [number for number in numbers if number is not None]


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) else None


def _word(gps: dict[int, Any], tag: int) -> str:
    return _text(gps.get(tag)).upper()


def _text(value: Any) -> str:
    """A tag's text; some cameras write bytes, blanks or zeros behind it."""
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    return value.strip(" \0\n\t") if isinstance(value, str) else ""
