"""Photos on their way into a set, and the tables that are written beside them."""

from __future__ import annotations

import csv
import io
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from geoloc.data.prepare.plan import Photo, relative_path

LONGEST = 100  # bytes of a photo's old name in its new one, of the 255 that file systems allow


@dataclass(frozen=True, slots=True)
class Shot:
    """A photo on its way into a set.

    Attributes:
        file: What it is called in the raw set, with folders; forward slashes.
        photo: The photo.
        split: "train", "val" or "test"; empty until it is known.
        side: "database" or "queries"; likewise.
        cells: Further columns of a table of own photos.
    """

    file: str
    photo: Photo
    split: str = ""
    side: str = ""
    cells: dict[str, str] = field(default_factory=dict)


Dropped = list[tuple[str, str]]  # (file, why)


def named(shots: Sequence[Shot]) -> list[Shot]:
    """Photos with their old names in the field `pano`, each once, so that no two get the same new name."""
    used: set[str] = set()
    found = []
    for shot in shots:
        old = posixpath.splitext(shot.file)[0].lstrip("./").encode()[-LONGEST:].decode(errors="ignore")
        pano, number = old, 1
        while _plain(pano) in used:  # such as a.jpg and a.png
            number += 1
            pano = f"{old}+{number}"
        used.add(_plain(pano))
        heading = None if shot.photo.heading is None else round(shot.photo.heading) % 360  # names hold whole degrees
        found.append(replace(shot, photo=replace(shot.photo, pano=pano, heading=heading)))
    return found


def _plain(name: str) -> str:
    """What file systems and the layout may make of a name, at worst."""
    return re.sub(r"\W", "-", name).lower()


def groups(keys: Iterable[object]) -> list[np.ndarray]:
    """Rows of each key, ascending."""
    rows: defaultdict[object, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        rows[key].append(row)
    return [np.array(found) for found in rows.values()]


def reasons(dropped: Dropped) -> str:
    """What was left out: 'no GPS position: 5 (a.jpg, b.jpg, c.jpg, ...); no readable image: 1 (d.jpg)'."""
    by_reason: defaultdict[str, list[str]] = defaultdict(list)
    for file, why in dropped:
        by_reason[why].append(file)
    return "; ".join(
        f"{why}: {len(files):,} ({', '.join(files[:3])}{', ...' if len(files) > 3 else ''})"
        for why, files in sorted(by_reason.items())
    )


def tables(shots: Sequence[Shot]) -> dict[str, str]:
    """Tables beside the folders, for columns that names cannot hold; none if there are none."""
    extra = list(dict.fromkeys(column for shot in shots for column in shot.cells))
    if not extra:
        return {}
    degrees = all(shot.photo.lat is not None for shot in shots)
    columns = ["path", *(["lat", "lon"] if degrees else []), "east", "north", "zone", "time", "heading", "note", *extra]
    found = {}
    for rows in groups((shot.split, shot.side) for shot in shots):
        side = [shots[row] for row in rows]
        lines = [[_cells(shot)[column] for column in columns] for shot in side]
        found[f"images/{side[0].split}/{side[0].side}.csv"] = csv_text(columns, lines)
    return found


def _cells(shot: Shot) -> dict[str, str]:
    photo = shot.photo
    return {
        "path": relative_path(photo),
        "lat": f"{photo.lat:.9f}" if photo.lat is not None else "",
        "lon": f"{photo.lon:.9f}" if photo.lon is not None else "",
        "east": f"{photo.east:.3f}",
        "north": f"{photo.north:.3f}",
        "zone": photo.zone,
        "time": photo.time,
        "heading": "" if photo.heading is None else f"{photo.heading:g}",
        "note": photo.note,
        **shot.cells,
    }


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as CSV."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return file.getvalue()
