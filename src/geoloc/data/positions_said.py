"""Where and when photos say that they were taken: in their names, else in their EXIF data; many say nothing.

Nothing is found by these positions. They show afterwards how far off an answer is. Times put photos in an order.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from geoloc.data.prepare import exif
from geoloc.data.readers import position_in
from geoloc.data.times import iso_time
from geoloc.data.zones import zone_name
from geoloc.earth import earth_centred, from_latlon, to_latlon


def positions_said(paths: Sequence[Path], local: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The positions of photos, as far as they say one.

    Args:
        paths: (N,) photos.
        local: Names give positions in a local frame; EXIF data cannot.

    Returns:
        (N, 2) float64 (easting, northing) in metres, NaN where nothing is said; and (N,) str UTM zones such as
        "17 north", empty where not said.
    """
    xy, zones = np.full((len(paths), 2), np.nan), [""] * len(paths)
    for row, path in enumerate(paths):
        found = _of_name(path.name) or (None if local else _of_exif(path))
        if found is not None:
            xy[row], zones[row] = found
    return xy, np.array([""] * len(paths) if local else zones, dtype=np.str_)


def times_said(photos: Sequence[object]) -> np.ndarray:
    """(N,) str, when photos were taken, as ISO 8601 says it: by their names, else by their EXIF data; empty if neither.

    Args:
        photos: Paths, or pictures, which say nothing.
    """
    return np.array([_time(Path(each)) if isinstance(each, str | os.PathLike) else "" for each in photos], np.str_)


def _time(path: Path) -> str:
    named = iso_time(_field(path.name, 13))
    if named:
        return named
    try:
        blocks = exif.read_blocks(path)
    except ValueError:
        return ""
    taken = exif.taken(blocks.camera) or exif.gps_time(blocks.gps)
    return "" if taken is None else taken.isoformat()


def metres_apart(xy: np.ndarray, zones: np.ndarray, others: np.ndarray, other_zones: np.ndarray) -> np.ndarray:
    """Distances of positions, row by row.

    Args:
        xy: (N, 2) float64 (easting, northing) in metres.
        zones: (N,) str UTM zones, such as "17 north", "17" or "".
        others: (N, 2) float64, likewise.
        other_zones: (N,) str.

    Returns:
        (N,) float64 metres: in the plane of the zone where both may lie in one, else straight through the earth; NaN
        where a position is not known, or two frames cannot be compared.

    Example:
        >>> a, b = np.array([[500000.0, 4000000.0]]), np.array([[500003.0, 4000004.0]])
        >>> metres_apart(a, np.array(["17 north"]), b, np.array(["17"])).tolist()
        [5.0]
    """
    found = np.full(len(xy), np.nan)
    for row, (zone, other) in enumerate(zip(zones.tolist(), other_zones.tolist(), strict=True)):
        if not np.isfinite(xy[row]).all() or not np.isfinite(others[row]).all():
            continue
        if zone == other or (zone.split()[:1] == other.split()[:1] and " " not in (zone if " " in other else other)):
            found[row] = np.linalg.norm(xy[row] - others[row])
        elif " " in zone and " " in other:
            ends = [_centred(*each) for each in ((xy[row], zone), (others[row], other))]
            found[row] = np.linalg.norm(ends[0] - ends[1])
    return found


def _centred(position: np.ndarray, zone: str) -> np.ndarray:
    return earth_centred(to_latlon(position[None], np.array([zone])))[0]


def _of_name(name: str) -> tuple[tuple[float, float], str] | None:
    """The position in a name of the field's layout, and its zone; None of other names."""
    position = position_in(name)
    return None if position is None else (position, zone_name(_field(name, 3), _field(name, 4), position[1]))


def _field(name: str, number: int) -> str:
    """Field of a name in the field's layout; the last part is the extension and no field."""
    parts = name.split("@")
    return parts[number] if number < len(parts) - 1 else ""


def _of_exif(path: Path) -> tuple[tuple[float, float], str] | None:
    """The position in the EXIF data of a photo, and its zone; None if there is none that can be used."""
    try:
        position = exif.position(exif.read_blocks(path).gps)
    except ValueError:
        return None
    xy, zones = from_latlon(np.array([position]))
    return (float(xy[0, 0]), float(xy[0, 1])), str(zones[0])
