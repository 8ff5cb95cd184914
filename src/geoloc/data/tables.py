"""Positions from a table beside a folder of images: columns `path` and `east,north` (metres) or `lat,lon` (degrees).

Further columns that are understood: `zone` (UTM, such as 17T; beside east,north), `note`, `condition`, `group`, and
`pano` with `time`, which together identify an exposure (`pano` alone: the panorama that an image was cut from).
"""

from __future__ import annotations

import csv
import logging
import posixpath
import re
from pathlib import Path
from typing import Literal

import numpy as np

from geoloc.data.conditions import of_cell, of_note
from geoloc.earth import from_latlon
from geoloc.errors import InputError
from geoloc.places import PlaceSet

log = logging.getLogger(__name__)
NEEDED = "needs columns path,east,north or path,lat,lon"


def read_table(table: Path, folder: Path, names: list[str], coordinates: Literal["utm", "local"]) -> PlaceSet:
    """Read the positions of a folder's images.

    Args:
        table: CSV in UTF-8; `path` is relative to `folder`; the columns `note` and `condition` are kept.
        folder: Of the images.
        names: The images that are there, relative to `folder`.
        coordinates: See `geoloc.places.PlaceSet`.

    Raises:
        InputError: A column, an image or a number is missing or wrong.
    """
    rows, keys = _rows(table)
    missing = sorted({row["path"] for row in rows} - set(names))
    if missing:
        raise InputError(f"{table}: images that are not in {folder}: {len(missing)} ({', '.join(missing[:5])})")
    unlisted = len(names) - len({row["path"] for row in rows})
    if unlisted > 0:
        log.warning("%s: %d images of the folder are not listed and are left out", table, unlisted)
    try:
        xy = np.array([[float(row[key]) for key in keys] for row in rows])
    except (TypeError, ValueError) as error:
        raise InputError(f"{table}: a position is not a number ({error})") from None
    zones = np.array([_zone(row, table) for row in rows])
    if keys == ("lat", "lon"):
        xy, zones = _to_utm(xy, table)
    return PlaceSet(
        root=folder,
        names=np.array([row["path"] for row in rows]),
        xy=xy,
        zones=zones,
        notes=np.array([row.get("note") or "" for row in rows]),
        shots=np.array([shot_name(row.get("pano") or "", row.get("time") or "") for row in rows]),
        panos=np.array([pano_name(row.get("pano") or "", row.get("time") or "") for row in rows]),
        conditions=np.array([_condition(row, table) for row in rows]),
        groups=np.array([row.get("group") or "" for row in rows]),
        coordinates=coordinates,
    )


def _rows(table: Path) -> tuple[list[dict[str, str]], tuple[str, str]]:
    """The table's rows, sorted by path, and the names of its two columns of positions."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table}: not a table in UTF-8 ({error})") from None
    rows = [row for row in rows if any(row.values())]
    if not rows:
        raise InputError(f"{table}: {NEEDED}; it has no rows")
    columns = set(map(str, rows[0]))
    keys = next((pair for pair in (("lat", "lon"), ("east", "north")) if columns >= {"path", *pair}), None)
    if keys is None:
        raise InputError(f"{table}: {NEEDED}; it has {','.join(sorted(columns))}")
    for row in rows:
        if None in row or None in row.values():
            first = ",".join(str(cell) for key, cell in row.items() if key is not None and cell is not None)
            raise InputError(
                f"{table}: the row {first}... has not as many cells as the header; numbers need a decimal point, not a"
                " comma, and every column a cell"
            )
        row["path"] = posixpath.normpath(row["path"] or "")
    return sorted(rows, key=lambda row: row["path"]), keys


def _condition(row: dict[str, str], table: Path) -> str:
    """What the column `condition` says, else the note."""
    try:
        return of_cell(row.get("condition", "")) or of_note(row.get("note", ""))
    except InputError as error:
        raise InputError(f"{table}: the row {row['path']}: {error}") from None


def zone_name(number: str, band: str) -> str:
    """How `PlaceSet` calls a UTM zone; empty if the number says none.

    Example:
        >>> zone_name("17", "T"), zone_name("56", "H"), zone_name("7", ""), zone_name("", "")
        ('17 north', '56 south', '7', '')
    """
    if not (number.isdigit() and 1 <= int(number) <= 60):
        return ""
    half = "" if not band else " north" if band.upper() >= "N" else " south"
    return f"{int(number)}{half}"


def shot_name(pano: str, time: str) -> str:
    """What identifies one exposure; empty unless panorama and time are both known."""
    return pano_name(pano, time) if time else ""


def pano_name(pano: str, time: str) -> str:
    """What identifies a panorama among those of one folder: its id, and the time of its exposure where that is known.

    The benchmark's tools have written "None" into names of images that have no id.

    Example:
        >>> pano_name("a7", "20240101"), pano_name("a7", ""), pano_name("None", "20240101")
        ('a7 20240101', 'a7', '')
    """
    return f"{pano} {time}".rstrip() if pano not in ("", "None") else ""


def _zone(row: dict[str, str], table: Path) -> str:
    """The zone in the column `zone`, if there is one."""
    text = (row.get("zone") or "").strip()
    found = re.fullmatch(r"(\d{1,2})([C-HJ-NP-Xc-hj-np-x]?)", text)
    name = zone_name(found[1], found[2]) if found else ""
    if text and not name:
        raise InputError(f"{table}: the row {row['path']}: {text!r} is no UTM zone such as 17T")
    return name


def _to_utm(latlon: np.ndarray, table: Path) -> tuple[np.ndarray, np.ndarray]:
    """Latitude and longitude, (N, 2) degrees, as metres, each in its own zone."""
    if not (np.isfinite(latlon).all() and (latlon >= [-80, -180]).all() and (latlon <= [84, 180]).all()):
        raise InputError(f"{table}: latitude must lie in -80..84 and longitude in -180..180 degrees")
    return from_latlon(latlon)
