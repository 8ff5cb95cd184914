"""Positions of own photos: checked, in UTM, and in one metric frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import utm

from geoloc import earth
from geoloc.data.prepare.plan import Photo
from geoloc.data.zones import split_zone, zone_name

SOUTHERNMOST, NORTHERNMOST = -80.0, 84.0  # degrees of latitude between which UTM is defined


def check(lat: float, lon: float) -> None:
    """Refuse a position that cannot be one, or has no UTM coordinates.

    Raises:
        ValueError: The message is one reason in few words.
    """
    if lat == 0 and lon == 0:
        raise ValueError("position 0, 0")
    if not (abs(lat) <= 90 and abs(lon) <= 180):  # also not a number
        raise ValueError("no possible position")
    if not SOUTHERNMOST <= lat <= NORTHERNMOST:
        raise ValueError("too near a pole for UTM")


def to_utm(lat: float, lon: float) -> tuple[float, float, str]:
    """Easting and northing in metres, and the zone with its band letter, of a position in degrees.

    Example:
        >>> to_utm(0.0, 3.0)
        (500000.0, 0.0, '31N')
    """
    east, north, number, letter = utm.from_latlon(lat, lon)
    return float(east), float(north), f"{number}{letter}"


def to_degrees(east: float, north: float, zone: str) -> tuple[float, float] | None:
    """Latitude and longitude of a UTM position; None if the zone is not wholly known."""
    if not zone or zone[-1].isdigit():
        return None
    lat, lon = utm.to_latlon(east, north, int(zone[:-1]), zone[-1], strict=False)
    return float(lat), float(lon)


def in_one_frame(photos: Sequence[Photo]) -> np.ndarray:
    """Positions of photos in one metric frame.

    Returns:
        (N, 2) float64 metres: easting and northing, if all lie in one zone; else (N, 3): see `earth.in_one_frame`.
        Both as names will say them, to 0.01 m, so that what is near a photo now is near it when the set is read.
    """
    xy = np.array([(photo.east, photo.north) for photo in photos], dtype=np.float64).round(2)
    zones = np.array([zone_name(*(split_zone(photo.zone) or ("", ""))) for photo in photos])
    return xy if len(set(zones.tolist())) == 1 else earth.in_one_frame(xy, zones)
