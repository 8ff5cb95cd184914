"""Tracks of a GPS receiver (GPX files), and where it was at a given time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

import numpy as np

from geoloc.data.prepare.positions import check
from geoloc.data.prepare.times import aware, parse_time
from geoloc.errors import InputError


@dataclass(frozen=True)
class Track:
    """Points in the order of their times.

    Attributes:
        path: The file.
        seconds: (N,) float64, since 1970 in UTC; strictly ascending.
        latlon: (N, 2) float64 degrees.
        heights: (N,) float64 metres; not a number where the file says none.
        dropped: Points of the file without a time or a position, or at the time of another point.
        max_gap: Seconds; between points farther apart nothing is known.
    """

    path: Path
    seconds: np.ndarray
    latlon: np.ndarray
    heights: np.ndarray
    dropped: int
    max_gap: float


def read_track(path: Path, max_gap: float) -> Track:
    """Read all tracks of a GPX file (1.0 or 1.1) as one.

    Args:
        path: The file.
        max_gap: See `Track`.

    Raises:
        InputError: There is no such file, it is no GPX, or has not two points with times.
    """
    if not (math.isfinite(max_gap) and max_gap > 0):
        raise InputError(f"--max-gap {max_gap:g}: must be more than 0 seconds")
    points = [_point(element) for element in _parse(path).iter() if element.tag.rpartition("}")[2] == "trkpt"]
    if not points:
        raise InputError(f"{path}: has no track points (trkpt)")
    good = np.array([point for point in points if point is not None]).reshape(-1, 4)
    seconds, first = np.unique(good[:, 0], return_index=True)
    if len(seconds) < 2:
        raise InputError(
            f"{path}: {len(seconds)} of {len(points)} track points have a time and a position; 2 are needed"
        )
    return Track(path, seconds, good[first, 1:3], good[first, 3], len(points) - len(seconds), max_gap)


def _parse(path: Path) -> ElementTree.Element:
    """The root of an XML file that declares no entities, which could swell a small file to gigabytes."""

    def refuse(*_: object) -> None:
        raise InputError(f"{path}: declares XML entities, which no GPX track needs; remove them")

    try:
        content = path.read_bytes()
        parser = expat.ParserCreate()
        parser.EntityDeclHandler = refuse
        parser.Parse(content, True)
        return ElementTree.fromstring(content)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (expat.ExpatError, ElementTree.ParseError, ValueError) as error:
        raise InputError(f"{path}: is no GPX track ({error})") from None


def _point(element: ElementTree.Element) -> tuple[float, float, float, float] | None:
    """(seconds, latitude, longitude, height) of a track point."""
    texts = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in element}
    try:
        seconds = aware(parse_time(texts.get("time", ""))).timestamp()
        lat, lon = float(element.get("lat", "")), float(element.get("lon", ""))
        check(lat, lon)
    except ValueError:
        return None
    try:
        height = float(texts.get("ele", ""))
    except ValueError:
        height = math.nan
    return seconds, lat, lon, height


def locate(track: Track, seconds: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Where the receiver was, linear in time between two points of the track.

    Degrees are as good as metres for this: for points 100 m apart the two differ by less than a millimetre.

    Args:
        track: With at least two points.
        seconds: (Q,) float64, since 1970 in UTC.

    Returns:
        (Q, 3) float64 latitude, longitude and height, and for each why it is not known; "" where it is.
    """
    after = np.clip(np.searchsorted(track.seconds, seconds, side="left"), 1, len(track.seconds) - 1)
    gaps = np.diff(track.seconds)[after - 1]
    lon = np.unwrap(track.latlon[:, 1], period=360)  # no jump from 180 to -180
    columns = (track.latlon[:, 0], lon, track.heights)
    places = np.stack([np.interp(seconds, track.seconds, column) for column in columns], axis=1)
    places[:, 1] = (places[:, 1] + 180) % 360 - 180
    on_point = np.isin(seconds, track.seconds)
    reasons = np.full(len(seconds), "", dtype=object)
    reasons[(gaps > track.max_gap) & ~on_point] = f"in a gap of the track of more than {track.max_gap:g} s"
    reasons[seconds < track.seconds[0]] = "before the track begins"
    reasons[seconds > track.seconds[-1]] = "after the track ends"
    return places, reasons.tolist()
