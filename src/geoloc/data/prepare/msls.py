"""Mapillary Street-Level Sequences: 1.6 million street photos of 30 cities, of nine years, by day and night.

Warburg et al., Mapillary Street-Level Sequences: A Dataset for Lifelong Place Recognition, CVPR 2020.

Two protocols on the validation cities share one database. `val/queries` is the official one (image to image, subtask
`all`): 740 queries, each to be searched in its own city. `val/queries_11k` has every query, as the benchmark of Berton
et al. (CVPR 2022) takes them, to be searched in both cities together. Panoramas are in neither.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from geoloc.data.prepare.msls_tables import Frames, read_frames, read_subtask, table_positions
from geoloc.data.prepare.plan import Photo, Plan
from geoloc.errors import InputError
from geoloc.places import positives_within

HOW = (
    "Log in at https://www.mapillary.com/dataset/places, accept the terms, and unpack metadata, images 1 to 6 and then"
    " the patches into one folder RAW, so that it holds train_val/CITY/{query,database}/{images,raw.csv,...}."
)
CITIES = {
    "train": [
        "amman",
        "amsterdam",
        "austin",
        "bangkok",
        "berlin",
        "boston",
        "budapest",
        "goa",
        "helsinki",
        "london",
        "manila",
        "melbourne",
        "moscow",
        "nairobi",
        "ottawa",
        "paris",
        "phoenix",
        "saopaulo",
        "tokyo",
        "toronto",
        "trondheim",
        "zurich",
    ],
    "val": ["cph", "sf"],
    "test": ["athens", "bengaluru", "buenosaires", "kampala", "miami", "stockholm"],
}
PUBLISHED = {"val/database": 18_871, "val/queries": 740}
RADIUS = 25.0  # metres; a query of the official protocol has a database photo within them
LABELS = ("raw.csv", "postprocessed.csv")  # a test city has them only since its labels are public


@dataclass
class _Set:
    """What comes together city by city."""

    sides: dict[str, list[Photo]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    photos: int = 0
    panoramas: int = 0

    def add(self, side: str, photos: list[Photo]) -> None:
        self.sides.setdefault(side, []).extend(photos)


def plan(raw: Path) -> Plan:
    """What the set will be.

    Args:
        raw: See `HOW`.

    Raises:
        InputError: Folders or tables are missing, or a table is not as published.
    """
    if not (raw / "train_val").is_dir():
        raise InputError(f"{raw / 'train_val'}: no such folder. {HOW}")
    made = _Set()
    for split, cities in CITIES.items():
        folders = {city: raw / ("test" if split == "test" else "train_val") / city for city in cities}
        _note_left_out(made, f"{split}: cities that are not there", [c for c in cities if not folders[c].is_dir()])
        there = [city for city in cities if folders[city].is_dir()]
        usable = [city for city in there if split != "test" or _has_labels(folders[city])]
        _note_left_out(made, f"test: cities without {' and '.join(LABELS)}", [c for c in there if c not in usable])
        for city in usable:
            _add_city(made, split, city, folders[city])
    if not made.sides:
        raise InputError(f"{raw / 'train_val'}: none of the cities of the set, such as cph. {HOW}")
    made.notes.append(f"left out are {made.panoramas:,} panoramas of {made.photos:,} photos")
    return Plan("msls", made.sides, PUBLISHED if "val/queries" in made.sides else {}, made.notes)


def _note_left_out(made: _Set, what: str, cities: list[str]) -> None:
    if cities:
        made.notes.append(f"{what}: {', '.join(cities)}")


def _has_labels(city: Path) -> bool:
    return all((city / side / table).is_file() for side in ("query", "database") for table in LABELS)


def _add_city(made: _Set, split: str, city: str, folder: Path) -> None:
    """Both sides of one city, in one UTM zone."""
    database, queries = (read_frames(folder / side) for side in ("database", "query"))
    for frames in (database, queries):
        made.photos += len(frames.rows)
        made.panoramas += int(frames.panorama.sum())
    latlon = np.concatenate([database.latlon, queries.latlon])
    given = np.concatenate([database.given, queries.given])
    xy, zone, computed = table_positions(latlon, given)
    if computed:
        made.notes.append(
            f"{city}: {computed:,} positions of postprocessed.csv are more than 1 m from latitude and longitude in zone"
            f" {zone}, and were computed from these"
        )
    database_xy, queries_xy = xy[: len(database.rows)], xy[len(database.rows) :]
    made.add(f"{split}/database", _photos(database, ~database.panorama, database_xy, zone, city))
    if split == "train":
        made.add("train/queries", _photos(queries, ~queries.panorama, queries_xy, zone, city))
        return
    asked = ~queries.panorama & read_subtask(folder / "query", "all", len(queries.rows))
    found = positives_within(queries_xy, database_xy[~database.panorama], RADIUS).counts > 0
    made.add(f"{split}/queries", _photos(queries, asked & found, queries_xy, zone, city))
    if split == "val":
        made.add("val/queries_11k", _photos(queries, ~queries.panorama, queries_xy, zone, city))
    made.notes.append(
        f"{split}/{city}: {int((~database.panorama).sum()):,} database photos, {int((asked & found).sum()):,} queries;"
        f" left out are {int((asked & ~found).sum()):,} queries without a database photo within {RADIUS:g} m, as in the"
        " official evaluation"
    )


def _photos(frames: Frames, kept: np.ndarray, xy: np.ndarray, zone: int, city: str) -> list[Photo]:
    """The kept photos of a side; `kept` (N,) bool, `xy` (N, 2) metres in the UTM zone of that number."""
    return [frames.photo(int(row), xy[row], zone, city) for row in np.flatnonzero(kept)]
