"""SVOX: Oxford in Street View; queries of RobotCar at night, overcast, in rain, snow and sun.

Berton, Paolicelli, Masone, Caputo: Adaptive-Attentive Geolocalization from Few Queries: a Hybrid Approach. WACV 2021,
https://arxiv.org/abs/2010.06897

The raw set comes in the field's layout already; its database is called gallery. Each condition becomes a folder of
queries, and the note of its photos.
"""

from __future__ import annotations

import re
from pathlib import Path

from geoloc.data.prepare.plan import Photo, Plan
from geoloc.data.prepare.raw_files import files_below
from geoloc.errors import InputError

HOW = (
    "Get svox.zip from https://drive.google.com/file/d/16iuk8voW65GaywNUQlWAbDt6HZzAJ_t9/view with a browser and unpack"
    " it: RAW/images/test/gallery, RAW/images/test/queries_night, and so on."
)
CONDITIONS = ("night", "overcast", "rain", "snow", "sun")
PUBLISHED = {
    "test/database": 17_166,
    "test/queries": 14_278,
    "test/queries_night": 823,
    "test/queries_overcast": 872,
    "test/queries_rain": 937,
    "test/queries_snow": 870,
    "test/queries_sun": 854,
}


def plan(raw: Path) -> Plan:
    """What becomes of the raw set.

    Args:
        raw: Folder that holds `images`, or the folder around it.

    Raises:
        InputError: The folders are not those of the set, or the name of a photo has no position.
    """
    images = (raw / "svox" if (raw / "svox").is_dir() else raw) / "images"
    folders = sorted(path for path in images.glob("*/*") if path.is_dir())
    sides = {}
    strangers = []
    for folder in folders:
        known = _side(folder.name)
        if known is None or folder.parent.name not in ("train", "val", "test"):
            strangers.append(f"{folder.parent.name}/{folder.name}")
        else:
            side, condition = known
            sides[f"{folder.parent.name}/{side}"] = _photos(folder, condition)
    if "test/database" not in sides:
        raise InputError(f"{images / 'test' / 'gallery'}: no such folder. {HOW}")
    notes = [f"left out, since no folder of the set is called so: {', '.join(strangers)}"] if strangers else []
    return Plan("svox", sides, PUBLISHED, notes)


def _side(folder: str) -> tuple[str, str] | None:
    """(side, condition) of a folder of the raw set; None for a strange one."""
    if folder in ("gallery", "database"):
        return "database", ""
    conditions = {"queries": "", **{f"queries_{condition}": condition for condition in CONDITIONS}}
    return (folder, conditions[folder]) if folder in conditions else None


def _photos(folder: Path, condition: str) -> list[Photo]:
    return [_photo(path, condition) for path in files_below(folder)]


def _photo(path: Path, condition: str) -> Photo:
    """A photo whose name says everything but the condition."""
    fields = [*path.name.split("@")[:-1], *[""] * 15]  # the last part is the extension
    try:
        number = [float(fields[i]) if fields[i] else None for i in (5, 6, 9, 10, 11, 12)]
        if not re.fullmatch(r"(\d{1,2}[C-HJ-NP-X]?)?", fields[3] + fields[4]):
            raise ValueError
        return Photo(
            path,
            float(fields[1]),
            float(fields[2]),
            fields[3] + fields[4],
            lat=number[0],
            lon=number[1],
            pano=fields[7],
            tile=fields[8],
            heading=number[2],
            pitch=number[3],
            roll=number[4],
            height=number[5],
            time=fields[13],
            note=condition or fields[14],
        )
    except ValueError:
        raise InputError(
            f"{path}: the name must be @east@north@zone@letter@latitude@longitude@...@.jpg, as the set has it"
        ) from None
