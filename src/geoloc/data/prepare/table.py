"""Own photos whose positions a table says (CSV).

Columns: path (relative to the table, or absolute); lat,lon in degrees or east,north in metres with or without zone
(such as 17T); and, as far as known, split (train, val, test), side (database, queries), time, heading, note, condition.
Any further column is kept in a table beside the prepared photos.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from geoloc.data.conditions import of_cell
from geoloc.data.images import EXTENSIONS
from geoloc.data.manifest import SPELLINGS
from geoloc.data.prepare.heic import HEIC, is_heic, read_heic_too
from geoloc.data.prepare.own import assemble
from geoloc.data.prepare.plan import Photo, Plan
from geoloc.data.prepare.positions import check, to_degrees, to_utm
from geoloc.data.prepare.sharing import Sharing
from geoloc.data.prepare.shots import Dropped, Shot
from geoloc.data.prepare.times import field, parse_time
from geoloc.data.tables import read_rows
from geoloc.data.zones import split_zone, zone_name
from geoloc.errors import InputError
from geoloc.places import EASTING, NORTHING, SIDES, SPLITS

HOW = "RAW is a CSV file with columns path and lat,lon or east,north."
KNOWN = ("path", "lat", "lon", "east", "north", "zone", "split", "side", "time", "heading", "note")


def plan(raw: Path, sharing: Sharing, name: str | None = None) -> Plan:
    """Read a table of photos.

    Args:
        raw: CSV file in UTF-8.
        sharing: How they are shared out, where the table has no columns split and side.
        name: Of the set; by default that of the file.

    Raises:
        InputError: A column is missing, or a cell is wrong; the message names its row.
    """
    if not raw.is_file():
        raise InputError(f"{raw}: is no file. {HOW}")
    read, keys = read_rows(raw)
    # A query is written in either way, as in a manifest.
    rows = [{**row.cells, "side": SPELLINGS.get(row.get("side").strip(), row.get("side"))} for row in read]
    rows.sort(key=lambda row: row["path"])
    _check_columns(raw, rows, sharing)
    shots: list[Shot] = []
    dropped: Dropped = []
    for row in rows:
        try:
            shots.append(_shot(raw.parent, row, keys))
        except NoPosition as reason:
            dropped.append((row["path"], str(reason)))
        except (ValueError, InputError) as error:
            raise InputError(f"{raw}: the row {row['path']}: {error}") from None
    read_heic_too([shot.photo.source for shot in shots])
    return assemble(raw, name, shots, dropped, sharing, _zones(raw, shots), {})


class NoPosition(Exception):
    """A row says none, or one that cannot be; the message is the reason in few words."""


def _check_columns(table: Path, rows: Sequence[dict[str, str]], sharing: Sharing) -> None:
    """Refuse photos listed twice, columns filled in part, and options that a column answers already."""
    twice = [path for path, number in Counter(row["path"] for row in rows).items() if number > 1]
    if twice:
        raise InputError(f"{table}: {len(twice)} photos are listed twice ({', '.join(twice[:3])})")
    for column, asked, allowed in (
        ("split", sharing.splits is not None, SPLITS),
        ("side", sharing.asks_for_queries(), SIDES),
    ):
        said = Counter(row.get(column, "").strip() for row in rows)
        if set(said) == {""}:
            continue
        wrong = sorted(set(said) - set(allowed))
        if wrong:
            raise InputError(
                f"{table}: the column {column} must say {' or '.join(allowed)} in every row, or be empty; it says"
                f" {', '.join(repr(word) for word in wrong[:3])}"
            )
        if asked:
            options = "--splits" if column == "split" else "--split-by and its options"
            raise InputError(f"{table}: has a column {column}, so {options} cannot be given")


def _shot(folder: Path, row: dict[str, str], keys: tuple[str, str]) -> Shot:
    """The photo of a row.

    Raises:
        NoPosition: It is left out.
        ValueError: A cell is wrong.
    """
    source = folder / row["path"]
    if source.suffix.lower() not in EXTENSIONS | HEIC:
        raise ValueError(f"is no image (accepted: {' '.join(sorted(EXTENSIONS | HEIC))})")
    east, north, zone, degrees = _position(row, keys)
    heading = _number(row, "heading") if row.get("heading", "").strip() else None
    if heading is not None and not 0 <= heading <= 360:
        raise ValueError(f"the heading {heading:g} must lie between 0 and 360 degrees")
    lat, lon = degrees or (None, None)
    photo = Photo(
        source,
        east,
        north,
        zone,
        lat,
        lon,
        heading=heading,
        time=_time(row.get("time", "").strip()),
        note=row.get("note", "").strip(),
        jpeg=is_heic(source),
    )
    of_cell(row.get("condition", ""))  # refuses what is no condition
    cells = {column: cell for column, cell in row.items() if column not in KNOWN}
    return Shot(row["path"], photo, row.get("split", "").strip(), row.get("side", "").strip(), cells)


def _position(row: dict[str, str], keys: tuple[str, str]) -> tuple[float, float, str, tuple[float, float] | None]:
    """Easting, northing and zone, and latitude and longitude where they are known."""
    if not all(row[key].strip() for key in keys):
        raise NoPosition("no position")
    first, second = (_number(row, key) for key in keys)
    if keys == ("lat", "lon"):
        try:
            check(first, second)
        except ValueError as reason:
            raise NoPosition(str(reason)) from None
        return *to_utm(first, second), (first, second)
    if first == second == 0:
        raise NoPosition("position 0, 0")
    zone = row.get("zone", "").strip().upper()
    if zone and not zone_name(*(split_zone(zone) or ("", ""))):
        raise ValueError(f"{zone!r} is no UTM zone such as 17T")
    if zone and not (EASTING[0] <= first <= EASTING[1] and NORTHING[0] <= second <= NORTHING[1]):
        raise ValueError(f"({first:g}, {second:g}) lies outside UTM: the easting comes first, both in metres")
    return first, second, zone, to_degrees(first, second, zone)


def _number(row: dict[str, str], column: str) -> float:
    try:
        number = float(row[column])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{column} {row[column]!r} is no number")
    return number


def _time(text: str) -> str:
    """A time as file names have it; a beginning of such a time stays as it is."""
    if re.fullmatch(r"\d{4}(\d{2}){0,2}|\d{8}_(\d{2}){1,3}", text) or not text:
        return text
    try:
        return field(parse_time(text))
    except ValueError:
        raise ValueError(f"{text!r} is no time such as 20240601_120000 or 2024-06-01T12:00:00Z") from None


def _zones(table: Path, shots: Sequence[Shot]) -> list[str]:
    """Refuse zones that do not say where all photos are; one line if some lie outside of UTM."""
    zones = sorted({shot.photo.zone for shot in shots})
    if len(zones) > 1 and not all(zone and zone[-1].isalpha() for zone in zones):
        raise InputError(
            f"{table}: photos in several UTM zones ({', '.join(zone or 'unknown' for zone in zones)}) need the zone"
            " with its band letter, such as 17T, in every row"
        )
    metres = np.array([(shot.photo.east, shot.photo.north) for shot in shots]).reshape(-1, 2)
    outside = (metres < (EASTING[0], NORTHING[0])) | (metres > (EASTING[1], NORTHING[1]))
    if outside.any():
        small = " (if these are degrees, the columns must be called lat,lon)" if (np.abs(metres) <= 180).all() else ""
        number = int(outside.any(axis=1).sum())
        return [f"{number:,} positions lie outside UTM: read the set with coordinates=local{small}"]
    return []
