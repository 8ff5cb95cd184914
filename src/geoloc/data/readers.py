"""From a folder of images to a `PlaceSet`.

Two ways to give positions:
- the field's file names,
  `@UTM_east@UTM_north@zone@letter@lat@lon@pano@tile@heading@pitch@roll@height@timestamp@note@.jpg`
  (fields 1 and 2 are required; read from the base name alone, so an @ in a folder's name does no harm);
- a table beside the folder (`database.csv` for `database/`) with a column `path` (relative to the folder) and columns
  `east,north` (metres, with `zone` such as 17T if there are several) or `lat,lon` (degrees), optionally `note`,
  `condition` and `group`.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from geoloc.data.conditions import of_note
from geoloc.data.images import EXTENSIONS
from geoloc.data.tables import pano_name, read_table, shot_name
from geoloc.data.times import iso_time
from geoloc.data.zones import zone_name
from geoloc.errors import InputError
from geoloc.places import PlaceSet
from geoloc.textfiles import read_json

log = logging.getLogger(__name__)
RECORD = "prepared.json"  # what `scripts/prepare.py` writes into a set's folder
NAME_FORMAT = "@UTM_east@UTM_north@...@.jpg"


def find_images(folder: Path, extensions: frozenset[str] = EXTENSIONS) -> list[str]:
    """Sorted relative paths (forward slashes) of all images under `folder`; links are followed, hidden files are not.

    Args:
        folder: Searched through its subfolders.
        extensions: Endings of images, in lower case with their dots.

    Raises:
        InputError: The folder is missing or holds no image.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    found: list[str] = []
    ignored: Counter[str] = Counter()
    for place, files in walk(folder):
        for name in files:
            extension = Path(name).suffix.lower()
            if extension in extensions and not name.startswith("."):
                found.append((place / name).relative_to(folder).as_posix())
            else:
                ignored["hidden" if name.startswith(".") else extension or "no extension"] += 1
    _check_files(folder, found)
    if not found:
        raise InputError(f"{folder}: no images (accepted: {' '.join(sorted(extensions))}, in any case)")
    kinds = Counter(Path(name).suffix for name in found)
    level = logging.INFO if ignored else logging.DEBUG  # the counts alone are told with the domain
    log.log(
        level,
        "%s: %d images (%s)%s",
        folder,
        len(found),
        _counts(kinds),
        f", ignored {_counts(ignored)}" if ignored else "",
    )
    return sorted(found)


def refuse_unfinished(folder: Path) -> None:
    """Refuse a set of which photos may be missing.

    Args:
        folder: Of the data set.

    Raises:
        InputError: Its preparation was interrupted.
    """
    if read_json(folder / RECORD).get("status") == "unfinished":
        raise InputError(f"{folder}: its preparation was interrupted; the same call of scripts/prepare.py goes on")


def walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Each folder that is not hidden, with its files, once: under its own path, else under that of a link to it."""
    seen: set[str] = set()
    links = [folder]
    while links:
        start = links.pop(0)
        for place, folders, files in os.walk(start):
            real = os.path.realpath(place)
            if real in seen:  # a link back to a parent would be walked for ever
                folders.clear()
                continue
            seen.add(real)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            links += [path for path in (Path(place, name) for name in folders) if path.is_symlink()]
            yield Path(place), files


def _check_files(folder: Path, names: list[str]) -> None:
    """Refuse links that lead nowhere, and names that no table could hold."""
    dangling = [name for name in names if (folder / name).is_symlink() and not (folder / name).exists()]
    if dangling:
        raise InputError(f"{folder}: {len(dangling)} links lead nowhere ({', '.join(dangling[:5])})")
    strange = [name.encode("utf-8", "replace").decode() for name in names if not _is_text(name)]
    if strange:
        raise InputError(f"{folder}: {len(strange)} names are not UTF-8 ({', '.join(strange[:5])}); rename them")


def _is_text(name: str) -> bool:
    """Whether a file's name can be written into a table."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in sorted(counter.items()))


def read_places(folder: str | Path, coordinates: Literal["utm", "local"] = "utm") -> PlaceSet:
    """Read a folder of images, with positions from the table beside it if there is one, else from the names.

    Args:
        folder: Folder of images, searched through its subfolders.
        coordinates: "utm", or "local" for any other metric frame (then the range is not checked).

    Raises:
        InputError: Nothing found, or a position is missing, unreadable or not in metres.
    """
    folder = Path(folder)
    table = folder.with_name(folder.name + ".csv")
    names = find_images(folder)
    if table.is_file():
        return read_table(table, folder, names, coordinates)
    return from_names(folder, names, coordinates)


def from_names(folder: Path, names: list[str], coordinates: Literal["utm", "local"]) -> PlaceSet:
    """Photos whose names hold their positions.

    Args:
        folder: That their names are relative to.
        names: With forward slashes.
        coordinates: See `read_places`.

    Raises:
        InputError: A name holds none, or one that is not in metres.
    """
    fields = [Path(name).name.split("@") for name in names]
    positions = [_position(parts) for parts in fields]
    wrong = [name for name, position in zip(names, positions, strict=True) if position is None]
    if wrong:
        shown = ", ".join(wrong[:5]) + (", ..." if len(wrong) > 5 else "")
        raise InputError(
            f"{folder}: {len(wrong)} of {len(names)} names have no position ({shown}); a name must look like"
            f" {NAME_FORMAT}, or a table {folder.name}.csv must stand beside the folder (columns path,east,north)"
        )
    notes = [_field(parts, 14) for parts in fields]
    zones = [
        zone_name(_field(parts, 3), _field(parts, 4), at[1] if at else None)
        for parts, at in zip(fields, positions, strict=True)
    ]
    unread = [_field(parts, 3) for parts, zone in zip(fields, zones, strict=True) if _field(parts, 3) and not zone]
    if unread and coordinates == "utm":
        log.warning(
            "%s: field 3 of %d names is no number of a UTM zone (%s), so their zone counts as not said",
            *(folder, len(unread), unread[0]),
        )
    return PlaceSet(
        root=folder,
        names=np.array(names),
        xy=np.array(positions, dtype=np.float64),
        zones=np.array(zones),
        notes=np.array(notes),
        shots=np.array([shot_name(_field(parts, 7), _field(parts, 13)) for parts in fields]),
        panos=np.array([pano_name(_field(parts, 7), _field(parts, 13)) for parts in fields]),
        conditions=np.array([of_note(note) for note in notes]),
        times=np.array([iso_time(_field(parts, 13)) for parts in fields]),
        coordinates=coordinates,
    )


def position_in(name: str) -> tuple[float, float] | None:
    """Easting and northing that a photo's name says; None if it says none."""
    return _position(Path(name).name.split("@"))


def _position(parts: list[str]) -> tuple[float, float] | None:
    try:
        return float(parts[1]), float(parts[2])
    except (IndexError, ValueError):
        return None


def _field(parts: list[str], number: int) -> str:
    """Field `number` of a name split at @; the last part is the extension and no field."""
    return parts[number] if number < len(parts) - 1 else ""
