"""Any set that is in the layout of the field already: its names are checked and its photos linked.

Names stay as they are. A split with neither `database` nor `queries...` is taken as one folder of photos.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from geoloc.data.prepare.plan import Photo, Plan
from geoloc.data.readers import NAME_FORMAT, read_places
from geoloc.errors import InputError
from geoloc.places import SPLITS

HOW = (
    "RAW holds images/{train,val,test}/{database,queries...}, or these without the folder images; each name is like"
    f" {NAME_FORMAT}."
)


def plan(raw: Path, name: str, coordinates: Literal["utm", "local"] = "utm") -> Plan:
    """What the set will be.

    Args:
        raw: See `HOW`.
        name: Of the prepared set, such as tokyo_night; its folder is called so.
        coordinates: "local" if positions are metres in another frame than UTM, such as indoors.

    Raises:
        InputError: The folders are others, or a name has no position.
    """
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise InputError(f"--name={name}: must be a folder's name of letters, digits, underscores, points and hyphens")
    base = raw / "images" if (raw / "images").is_dir() else raw
    splits = [split for split in SPLITS if (base / split).is_dir()]
    if not splits:
        there = ", ".join(sorted(path.name for path in base.iterdir())[:10]) if base.is_dir() else "no folder"
        raise InputError(f"{base}: none of the folders train, val and test; it has {there or 'nothing'}. {HOW}")
    sides: dict[str, list[Photo]] = {}
    notes: list[str] = []
    for split in splits:
        folders, others = _folders(base / split)
        for folder in folders:
            sides[folder.relative_to(base).as_posix()] = _photos(folder, coordinates)
        if folders == [base / split]:
            notes.append(
                f"{split} has no folders database and queries, so geoloc cannot use it: it trains on pairs of a query"
                " and database photos, not on classes of places"
            )
        elif others:
            notes.append(f"{split}: left out are the folders {', '.join(others)}")
    return Plan(name, sides, notes=notes)


def _folders(split: Path) -> tuple[list[Path], list[str]]:
    """The folders of a split that are its sides, and the names of others."""
    names = sorted(path.name for path in split.iterdir() if path.is_dir() and not path.name.startswith("."))
    queries = [name for name in names if name.startswith("queries")]
    if "database" not in names and not queries:
        return [split], []
    if "database" not in names or not queries:
        lacking = "queries" if "database" in names else "database"
        raise InputError(f"{split}: has {', '.join(names)}, but no folder {lacking}; a split needs both sides")
    sides = ["database", *queries]
    return [split / name for name in sides], [name for name in names if name not in sides]


def _photos(folder: Path, coordinates: Literal["utm", "local"]) -> list[Photo]:
    """All photos below a folder, each under its own name."""
    table = folder.with_name(f"{folder.name}.csv")
    if table.is_file():
        raise InputError(
            f"{table}: positions from a table need no preparation; geoloc reads the set where it is (data=folder"
            " data.path=PATH)"
        )
    places = read_places(folder, coordinates)
    return [
        Photo(folder / name, east, north, path=name)
        for name, (east, north) in zip(places.names.tolist(), places.xy.tolist(), strict=True)
    ]
