"""Photos as they lie somewhere: with the positions that names, a table or EXIF say, or without any."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from geoloc.data.images import EXTENSIONS
from geoloc.data.manifest import SPELLINGS, is_manifest
from geoloc.data.prepare import exif
from geoloc.data.prepare.heic import HEIC, read_heic_too
from geoloc.data.prepare.shots import Dropped, reasons
from geoloc.data.progress import progress_bar
from geoloc.data.readers import find_images, from_names, position_in, refuse_unfinished
from geoloc.data.tables import read_rows, read_table, to_places, wrong_cells
from geoloc.earth import from_latlon
from geoloc.errors import InputError
from geoloc.places import SPLITS, PlaceSet

log = logging.getLogger(__name__)
READ = EXTENSIONS | HEIC


def photos_with_positions(
    source: str | Path | Sequence[str | Path], coordinates: Literal["utm", "local"] = "utm"
) -> PlaceSet:
    """Photos whose positions are known. Those without are left out, with a warning that counts and names them.

    Args:
        source: A folder of photos, searched through its subfolders: positions come from a table beside it
            (`my_photos.csv` for `my_photos/`), else from each name (`@UTM_east@UTM_north@...@.jpg`), else from its
            EXIF data. Or a table of photos (`path` with `lat,lon` or `east,north`); those of the database are taken, if
            it has a column `side`. Or one photo, or several.
        coordinates: "utm", or "local" for positions of names or tables in another metric frame.

    Raises:
        InputError: Nothing is there, no photo has a position, or one is wrong.
    """
    if not isinstance(source, str | os.PathLike):
        return _of_list([Path(each) for each in source], coordinates)
    path = Path(source)
    if is_manifest(path):
        return _of_table(path, coordinates)
    if not path.is_dir():
        return _of_list([path], coordinates)
    _refuse_set(path)
    names = find_images(path, READ)
    table = path.with_name(f"{path.name}.csv")
    if table.is_file():
        return read_table(table, path, names, coordinates)
    return _of_files(path, names, coordinates)


def _refuse_set(path: Path) -> None:
    """Refuse the folder of a data set, or of one of its splits: its queries would become part of the database."""
    sides = [path / "database", *(path / "images" / split / "database" for split in SPLITS)]
    inside = [str(side) for side in sides if side.is_dir() and (side.parent / "queries").is_dir()]
    if inside:
        raise InputError(f"{path}: is a data set's folder, with queries; name its database: {' or '.join(inside)}")
    refuse_unfinished(path)


def photos_without(source: str | Path | Sequence[str | Path]) -> list[Path]:
    """Photos whose positions nobody asks for.

    Args:
        source: A folder, searched through its subfolders, in the order of the paths; one photo, or several.

    Raises:
        InputError: Nothing is there, or a file is no photo by its ending.
    """
    if not isinstance(source, str | os.PathLike):
        found = [Path(each) for each in source]
    elif Path(source).is_dir():
        found = [Path(source) / name for name in find_images(Path(source), READ)]
    else:
        found = [Path(source)]
    _check_files(found)
    return found


def _check_files(paths: Sequence[Path]) -> None:
    """Refuse what is missing or no photo, and learn to read HEIC files if there are some."""
    if not paths:
        raise InputError("no photos are given")
    missing = [str(path) for path in paths if not path.is_file()]
    others = [str(path) for path in paths if path.is_file() and path.suffix.lower() not in READ]
    problems = [f"{_some(missing)}: no such photo"] if missing else []
    problems += [f"{_some(others)}: is no photo (accepted: {' '.join(sorted(READ))}, in any case)"] if others else []
    if problems:
        raise InputError(*problems)
    read_heic_too(paths)


def _some(names: Sequence[str]) -> str:
    return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else names[0]


def _of_list(paths: list[Path], coordinates: Literal["utm", "local"]) -> PlaceSet:
    """Files from anywhere; their names are relative to the folder that all of them are below."""
    _check_files(paths)
    absolute = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100 - a/../b is b, and one photo one name
    root = Path(os.path.commonpath([path.parent for path in absolute]))
    return _of_files(root, [path.relative_to(root).as_posix() for path in absolute], coordinates)


def _of_table(table: Path, coordinates: Literal["utm", "local"]) -> PlaceSet:
    """The rows of a table, or of its database side."""
    rows, keys = read_rows(table)
    if "side" in rows[0].cells:
        kept = [row for row in rows if SPELLINGS.get(row["side"].strip()) == "database"]
        log.info("%s: %d of %d rows are of the database and are taken", table, len(kept), len(rows))
        rows = kept
    if not rows:
        raise InputError(f"{table}: has no row of side database")
    problems = wrong_cells(table, rows, keys)
    if problems:
        raise InputError(*problems)
    try:
        _check_files([table.parent / row["path"] for row in rows])
        return to_places(rows, keys, table.parent, coordinates)
    except InputError as error:  # it names the photo, and not the file
        folder = table.with_suffix("")
        hint = f"; its paths are those of the folder beside it: name that, {folder}"
        there = (folder / rows[0]["path"]).is_file() and not (table.parent / rows[0]["path"]).is_file()
        raise InputError(*(f"{table}: {line}{hint if there else ''}" for line in error.problems)) from None


def _of_files(root: Path, names: list[str], coordinates: Literal["utm", "local"]) -> PlaceSet:
    """Photos that say themselves where they were taken: by their names, else by EXIF."""
    read_heic_too([root / name for name in names])
    named = [name for name in names if position_in(name) is not None]
    rest = [name for name in names if position_in(name) is None]
    found, dropped = _by_exif(root, rest)
    if dropped:
        log.warning("%s: %d of %d photos are left out (%s)", root, len(dropped), len(names), reasons(dropped))
    if not named and found is None:
        raise InputError(
            f"{root}: none of {len(names)} photos has a position ({reasons(dropped)}); positions are read from names"
            f" like @UTM_east@UTM_north@...@.jpg, from a table {root.name}.csv beside the folder (columns path,lat,lon"
            " or path,east,north), or from EXIF data"
        )
    if not named:
        assert found is not None
        return found
    places = from_names(root, named, coordinates)
    return places if found is None else _joined(places, found)


def _by_exif(root: Path, names: Sequence[str]) -> tuple[PlaceSet | None, Dropped]:
    """Photos with a position in their EXIF data, None if there are none, and those without, with the reason."""
    kept, latlon, times = [], [], []
    dropped: Dropped = []
    with progress_bar("reading EXIF data") as advance:
        for done, name in enumerate(names, 1):
            try:
                blocks = exif.read_blocks(root / name)
                latlon.append(exif.position(blocks.gps))
            except ValueError as reason:
                dropped.append((name, str(reason)))
            else:
                time = exif.taken(blocks.camera)
                if time is None or time.tzinfo is None:
                    time = exif.gps_time(blocks.gps) or time
                times.append("" if time is None else time.isoformat())
                kept.append(name)
            advance(done, len(names))
    if not kept:
        return None, dropped
    xy, zones = from_latlon(np.array(latlon, np.float64))
    return PlaceSet(root, np.array(kept), xy, zones=zones, times=np.array(times)), dropped


def _joined(first: PlaceSet, second: PlaceSet) -> PlaceSet:
    """Two sets of one folder, in the order of their names."""
    if first.coordinates != second.coordinates:
        raise InputError(
            f"{first.root}: the names of {len(first)} photos hold positions in a local frame (coordinates=local), and"
            f" {len(second)} others have GPS positions; give both in the same way"
        )
    columns = {
        column: np.concatenate([getattr(first, column), getattr(second, column)])
        for column in ("names", "xy", "zones", "notes", "shots", "panos", "conditions", "groups", "times")
    }
    both = PlaceSet(first.root, coordinates=first.coordinates, **columns)
    return both.select(np.argsort(both.names, kind="stable"))
