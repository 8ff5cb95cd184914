"""Positions from a table: columns `path` and `east,north` (metres) or `lat,lon` (degrees; they count where both are).

Further columns that are understood: `zone` (UTM, such as 17T; beside east,north), `note`, `condition`, `group`, and
`pano` with `time`, which together identify an exposure (`pano` alone: the panorama that an image was cut from).
`read_table` reads a table beside a folder of images.
"""

from __future__ import annotations

import csv
import logging
import math
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from geoloc.data.conditions import of_cell, of_note
from geoloc.data.times import iso_time
from geoloc.data.zones import split_zone, zone_name
from geoloc.earth import from_latlon
from geoloc.errors import InputError
from geoloc.places import PlaceSet

log = logging.getLogger(__name__)
Keys = tuple[str, str]  # names of the two columns of positions
UNDERSTOOD = ("path", "east", "north", "lat", "lon", "zone", "note", "condition", "group", "pano", "time")
SHOWN = 5  # lines of the file that a message names


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        line: Of the file, from 1.
        cells: Column -> text; the path is normalised ("./a.jpg" is "a.jpg").
    """

    line: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def get(self, column: str) -> str:
        """The text in a column; empty if there is no such column."""
        return self.cells.get(column, "")


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
    rows, keys = read_rows(table)
    listed = {row["path"] for row in rows}
    missing = sorted(listed - set(names))
    if missing:
        raise InputError(f"{table}: images that are not in {folder}: {len(missing)} ({', '.join(missing[:5])})")
    if len(names) > len(listed):
        log.warning("%s: %d images of the folder are not listed and are left out", table, len(names) - len(listed))
    problems = wrong_cells(table, rows, keys)
    if problems:
        raise InputError(*problems)
    return to_places(rows, keys, folder, coordinates)


def read_rows(table: Path, also: Sequence[str] = ()) -> tuple[list[Row], Keys]:
    """The rows of a table, in the order of the file, and the names of its two columns of positions.

    Args:
        table: CSV in UTF-8.
        also: Columns that must be there besides `path` and the position.

    Raises:
        InputError: It cannot be read, a column is missing or named twice, or a row has not one cell a column.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows = [Row(reader.line_num, cells) for cells in reader if any(cells.values())]
            header = [str(column) for column in reader.fieldnames or ()]
    except OSError as error:
        raise InputError(f"{table}: cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table}: not a table in UTF-8 ({error})") from None
    needed = ",".join(("path", *also))
    needs = f"needs columns {needed},east,north or {needed},lat,lon"
    if not rows:
        raise InputError(f"{table}: {needs}; it has no rows")
    keys = next((pair for pair in (("lat", "lon"), ("east", "north")) if {*header} >= {"path", *also, *pair}), None)
    if keys is None:
        apart = next((mark for mark in (";", "\t") if len(header) == 1 and mark in header[0]), None)
        hint = f" (cells must be parted by commas, not {apart!r})" if apart else ""
        raise InputError(f"{table}: {needs}; it has {','.join(sorted(header))}{hint}")
    twice = sorted(column for column in {*UNDERSTOOD, *also} if header.count(column) > 1)
    if twice:
        raise InputError(f"{table}: two columns are called {twice[0]}; rename one")
    _check_width(table, rows)
    return [Row(row.line, row.cells | {"path": posixpath.normpath(row["path"])}) for row in rows], keys


def _check_width(table: Path, rows: list[Row]) -> None:
    """Refuse rows with fewer or more cells than the header."""
    found = []
    for row in rows:
        if None in row.cells or None in row.cells.values():
            cells = [str(cell) for key, cell in row.cells.items() if key is not None and cell is not None]
            found.append((row.line, f"the row {','.join(cells)}... has not as many cells as the header"))
    if found:
        right = "; numbers need a decimal point, not a comma, and every column a cell"
        raise InputError(f"{table}: {found[0][1]}{right}{_lines([line for line, _ in found])}")


def wrong_rows(table: Path, found: Sequence[tuple[Row, str]]) -> list[str]:
    """One line of an error, for all rows that are wrong in the same way; none if there are none.

    Args:
        table: Their table.
        found: The rows, and what is wrong with each; the first is quoted.

    Example:
        >>> wrong_rows(Path("a.csv"), [(Row(3, {"path": "b.jpg"}), "no such file"), (Row(7, {"path": "c.jpg"}), "")])
        ['a.csv: the row b.jpg: no such file (line 3; one of 2 such rows, lines 3, 7)']
    """
    if not found:
        return []
    row, text = found[0]
    return [f"{table}: the row {row['path']}: {text}{_lines([row.line for row, _ in found])}"]


def _lines(lines: list[int]) -> str:
    """Where in the file rows are wrong, and how many."""
    if len(lines) == 1:
        return f" (line {lines[0]})"
    shown = ", ".join(map(str, lines[:SHOWN])) + (", ..." if len(lines) > SHOWN else "")
    return f" (line {lines[0]}; one of {len(lines)} such rows, lines {shown})"


def wrong_cells(table: Path, rows: list[Row], keys: Keys) -> list[str]:
    """What is wrong with positions, zones and conditions: one line of each kind."""
    numbers, degrees, zones, conditions = [], [], [], []
    for row in rows:
        position = _position(row, keys)
        if position is None:
            numbers.append((row, f"a position is not a number ({row[keys[0]]!r}, {row[keys[1]]!r})"))
        elif keys == ("lat", "lon") and not (-80 <= position[0] <= 84 and -180 <= position[1] <= 180):
            degrees.append((row, "latitude must lie in -80..84 and longitude in -180..180 degrees"))
        if keys == ("east", "north") and row.get("zone").strip() and not _zone(row):
            zones.append((row, f"{row['zone']!r} is no UTM zone such as 17T"))
        try:
            _condition(row)
        except InputError as error:
            conditions.append((row, str(error)))
    return [line for found in (numbers, degrees, zones, conditions) for line in wrong_rows(table, found)]


def to_places(rows: list[Row], keys: Keys, root: Path, coordinates: Literal["utm", "local"]) -> PlaceSet:
    """The images of some rows, in the order of their paths.

    Args:
        rows: They have passed `wrong_cells`; their paths are relative to `root`, or absolute.
        keys: Names of the two columns of positions.
        root: See `geoloc.places.PlaceSet`.
        coordinates: The same; of metres alone.

    Raises:
        InputError: See `geoloc.places.PlaceSet`.
    """
    rows = sorted(rows, key=lambda row: row["path"])
    xy = np.array([_position(row, keys) for row in rows], np.float64)
    zones = np.array([_zone(row, at[1]) for row, at in zip(rows, xy.tolist(), strict=True)])
    if keys == ("lat", "lon"):  # they are in no local frame, whatever the other sets of a run are in
        (xy, zones), coordinates = from_latlon(xy), "utm"
    return PlaceSet(
        root=root,
        names=np.array([row["path"] for row in rows]),
        xy=xy,
        zones=zones,
        notes=np.array([row.get("note") for row in rows]),
        shots=np.array([shot_name(row.get("pano"), row.get("time")) for row in rows]),
        panos=np.array([pano_name(row.get("pano"), row.get("time")) for row in rows]),
        conditions=np.array([_condition(row) for row in rows]),
        groups=np.array([row.get("group") for row in rows]),
        times=np.array([iso_time(row.get("time")) for row in rows]),
        coordinates=coordinates,
    )


def _position(row: Row, keys: Keys) -> tuple[float, float] | None:
    """The two numbers of a position; None unless both are finite."""
    try:
        first, second = float(row[keys[0]]), float(row[keys[1]])
    except ValueError:
        return None
    return (first, second) if math.isfinite(first) and math.isfinite(second) else None


def _condition(row: Row) -> str:
    """What the column `condition` says, else the note."""
    return of_cell(row.get("condition")) or of_note(row.get("note"))


def _zone(row: Row, north: float | None = None) -> str:
    """The zone in the column `zone`; empty if it says none."""
    parts = split_zone(row.get("zone").strip().upper())
    return zone_name(*parts, north) if parts else ""


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
