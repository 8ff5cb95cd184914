"""Positions of own photos: checked, in UTM, and in one metric frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import utm

from geoloc.data.prepare.plan import Photo

SOUTHERNMOST, NORTHERNMOST = -80.0, 84.0  # degrees of latitude between which UTM is defined
# WGS 84
SEMI_MAJOR = 6_378_137.0  # metres
FLATTENING = 1 / 298.257223563


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
        (N, 2) float64 metres: easting and northing, if all lie in one zone; else (N, 3): from the centre of the earth,
        since easting and northing of two zones cannot be compared.
    """
    halves = {photo.zone and (photo.zone.rstrip("CDEFGHJKLMNPQRSTUVWX"), photo.zone[-1] >= "N") for photo in photos}
    if len(halves) == 1:
        return np.array([(photo.east, photo.north) for photo in photos], dtype=np.float64)
    return _earth_centred(np.array([(photo.lat, photo.lon) for photo in photos], dtype=np.float64))


def _earth_centred(latlon: np.ndarray) -> np.ndarray:
    """(N, 3) metres of (N, 2) degrees, at height 0."""
    lat, lon = np.radians(latlon).T
    squared = FLATTENING * (2 - FLATTENING)  # eccentricity
    normal = SEMI_MAJOR / np.sqrt(1 - squared * np.sin(lat) ** 2)
    flat = normal * np.cos(lat)
    return np.stack([flat * np.cos(lon), flat * np.sin(lon), normal * (1 - squared) * np.sin(lat)], axis=1)
