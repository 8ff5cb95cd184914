"""The tables of Mapillary Street-Level Sequences: `raw.csv`, `postprocessed.csv` and `subtask_index.csv` of a side."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import utm

from geoloc.data.prepare.plan import Photo
from geoloc.errors import InputError

TOLERANCE = 1.0  # metres


@dataclass(frozen=True)
class Frames:
    """One side of one city, row by row as in its tables.

    Attributes:
        folder: Such as `train_val/cph/query`.
        rows: (N) cells of both tables.
        latlon: (N, 2) float64 degrees.
        given: (N, 2) float64 easting and northing in metres; in which zone the tables do not say.
        panorama: (N,) bool.
        night: (N,) bool.
        heading: (N,) float64 degrees clockwise from north; nan where it is unknown.
    """

    folder: Path
    rows: list[dict[str, str]]
    latlon: np.ndarray
    given: np.ndarray
    panorama: np.ndarray
    night: np.ndarray
    heading: np.ndarray

    def photo(self, row: int, xy: np.ndarray, zone: int, city: str) -> Photo:
        """The photo of a row at (2,) metres in a UTM zone."""
        cells = self.rows[row]
        (lat, lon), (east, north) = self.latlon[row].tolist(), xy.tolist()
        heading = float(self.heading[row])
        light = "night" if self.night[row] else "day"
        return Photo(
            self.folder / f"images/{cells['key']}.jpg",
            east,
            north,
            zone=f"{zone}{utm.latitude_to_zone_letter(lat)}",
            lat=lat,
            lon=lon,
            pano=cells["key"],
            heading=None if math.isnan(heading) else round(heading) % 360,
            time=_time(cells["captured_at"]),
            note=f"{light}_{cells['view_direction'].lower() or 'unknown'}_{city}",
            subfolder=city,
        )


def read_frames(folder: Path) -> Frames:
    """Read the tables of one side.

    Args:
        folder: Such as `train_val/cph/query`.

    Raises:
        InputError: A table or a column is missing, the tables are of different photos, or a cell is no number.
    """
    raw = _rows(folder / "raw.csv", ("key", "lon", "lat", "ca", "captured_at", "pano"))
    derived = _rows(folder / "postprocessed.csv", ("key", "easting", "northing", "night", "view_direction"))
    if [row["key"] for row in raw] != [row["key"] for row in derived]:
        raise InputError(f"{folder}: raw.csv and postprocessed.csv list different photos; unpack the metadata again")
    latlon = _numbers(folder / "raw.csv", raw, ("lat", "lon"))
    if not (np.abs(latlon) <= [80, 180]).all():
        raise InputError(f"{folder / 'raw.csv'}: latitude must lie in -80..80 and longitude in -180..180 degrees")
    given = _numbers(folder / "postprocessed.csv", derived, ("easting", "northing"))
    if not np.isfinite(given).all():
        raise InputError(f"{folder / 'postprocessed.csv'}: easting and northing must be finite numbers")
    return Frames(
        folder,
        rows=[one | other for one, other in zip(raw, derived, strict=True)],
        latlon=latlon,
        given=given,
        panorama=_truth(folder / "raw.csv", raw, "pano"),
        night=_truth(folder / "postprocessed.csv", derived, "night"),
        heading=_numbers(folder / "raw.csv", raw, ("ca",))[:, 0],
    )


def read_subtask(folder: Path, subtask: str, length: int) -> np.ndarray:
    """Which photos of a side belong to a subtask.

    Args:
        folder: Such as `train_val/cph/query`.
        subtask: Such as "all".
        length: Rows of the other tables.

    Returns:
        (length,) bool.

    Raises:
        InputError: The table or the column is missing or not as published.
    """
    table = folder / "subtask_index.csv"
    rows = _rows(table, (subtask,))
    if len(rows) != length:
        raise InputError(f"{table}: {len(rows)} rows, but raw.csv has {length}; unpack the metadata again")
    return _truth(table, rows, subtask)


def table_positions(latlon: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, int, int]:
    """The positions of one city in one UTM zone.

    The tables do not say their zone, and it is not always that of the longitude: Copenhagen, at 12.5 degrees east in
    zone 33, is given in zone 32. So it is the one of three zones in which most positions agree with latitude and
    longitude.

    Args:
        latlon: (N, 2) float64 degrees.
        given: (N, 2) float64 easting and northing of the tables, metres.

    Returns:
        (N, 2) float64 metres; the number of the zone; how many positions were computed from latitude and longitude,
        since the given ones are more than 1 m away in this zone.
    """
    own = utm.latlon_to_zone_number(*latlon[0])
    best: tuple[np.ndarray, int, int] | None = None
    for zone in (own, own - 1, own + 1):
        number = (zone - 1) % 60 + 1
        east, north, _, _ = utm.from_latlon(
            latlon[:, 0], latlon[:, 1], force_zone_number=number, force_northern=bool(latlon[0, 0] >= 0)
        )
        computed = np.stack([east, north], axis=1)
        away = given - computed
        away[:, 1] = (away[:, 1] + 5e6) % 1e7 - 5e6  # south of the equator some count northings from -10,000 km
        wrong = np.hypot(*away.T) > TOLERANCE
        if best is None or wrong.sum() < best[2]:
            best = (np.where(wrong[:, None], computed, computed + away), number, int(wrong.sum()))
    assert best is not None
    return best


def _rows(table: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """Cells of the wanted columns, row by row."""
    if not table.is_file():
        raise InputError(f"{table}: no such file; unpack the metadata of the set into the same folder as its images")
    with table.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = [column for column in columns if column not in (reader.fieldnames or ())]
        if missing:
            raise InputError(
                f"{table}: no column {', '.join(missing)}; it has {','.join(reader.fieldnames or ()) or 'no header'}"
            )
        rows = [{column: row[column] or "" for column in columns} for row in reader]
    if not rows:
        raise InputError(f"{table}: has no rows")
    return rows


def _truth(table: Path, rows: list[dict[str, str]], column: str) -> np.ndarray:
    """(N,) bool of a column of True and False."""
    words = np.array([row[column] for row in rows])
    wrong = sorted(set(words.tolist()) - {"True", "False"})
    if wrong:
        raise InputError(f"{table}: {column} must be True or False, not {wrong[0]!r}")
    return words == "True"


def _numbers(table: Path, rows: list[dict[str, str]], columns: tuple[str, ...]) -> np.ndarray:
    """(N, C) float64 of the cells; an empty one is nan."""
    try:
        return np.array([[float(row[column] or "nan") for column in columns] for row in rows], dtype=np.float64)
    except ValueError as error:
        raise InputError(f"{table}: {' and '.join(columns)} must be numbers ({error})") from None


def _time(text: str) -> str:
    """`YYYYMMDD` or `YYYYMMDD_hhmmss` of a date such as 2017-05-21, with a time of day or without; else empty."""
    found = re.match(r"(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2}):(\d{2}))?", text)
    if not found:
        return ""
    date, clock = "".join(found.groups("")[:3]), "".join(found.groups("")[3:])
    return f"{date}_{clock}" if clock else date
