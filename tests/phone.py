"""Photos with EXIF data and GPX tracks that the tests write themselves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.TiffImagePlugin import IFDRational

CAMERA_BLOCK, GPS_BLOCK = 0x8769, 0x8825


def rational(number: float) -> IFDRational:
    """To 1e-5: as seconds of an arc 0.3 mm."""
    return IFDRational(round(number * 100_000), 100_000)


def arc(degrees: float) -> tuple[IFDRational, ...]:
    """Degrees, minutes and seconds of an angle without its sign."""
    minutes = abs(degrees) % 1 * 60
    return IFDRational(int(abs(degrees)), 1), IFDRational(int(minutes), 1), rational(minutes % 1 * 60)


def gps(lat: float, lon: float, **more: Any) -> dict[int, Any]:
    """A GPS block; `more` as tags in hexadecimal, such as x11=90.0 for the direction."""
    block = {1: "N" if lat >= 0 else "S", 2: arc(lat), 3: "E" if lon >= 0 else "W", 4: arc(lon)}
    return block | {int(tag[1:], 16): value for tag, value in more.items()}


def write_photo(
    path: Path, gps: dict[int, Any] | None = None, time: str = "", offset: str = "", image: Image.Image | None = None
) -> Path:
    """A photo with an EXIF block; without any where nothing is given."""
    exif = Image.Exif()
    if gps:
        exif[GPS_BLOCK] = gps
    camera = ({0x9003: time} if time else {}) | ({0x9011: offset} if offset else {})
    if camera:
        exif[CAMERA_BLOCK] = camera
    path.parent.mkdir(parents=True, exist_ok=True)
    (image or Image.new("RGB", (8, 8))).save(path, exif=exif)
    return path


def write_gpx(path: Path, points: Iterable[tuple[str, float, float, float]]) -> Path:
    """A GPX 1.1 track of points (time, lat, lon, height)."""
    body = "".join(
        f'<trkpt lat="{lat}" lon="{lon}"><ele>{height}</ele><time>{time}</time></trkpt>'
        for time, lat, lon, height in points
    )
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>{body}</trkseg></trk></gpx>'
    )
    return path


LAT, LON = 39.9526139, -75.1919028  # a place in zone 18S
STEP = 0.0001  # degrees of latitude, 11.1 m


def write_street(root: Path, number: int = 10) -> Path:
    """Photos 11.1 m apart from south to north, named in that order."""
    for i in range(number):
        write_photo(root / f"IMG_{i:04d}.jpg", gps(LAT + i * STEP, LON), f"2024:06:0{i % 9 + 1} 10:00:00")
    return root
