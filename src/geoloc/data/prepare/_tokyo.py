"""What the two Tokyo sets share: the database and the queries of Tokyo 24/7.

Database: 12 tiles a panorama, `03814/PANORAMA_012_000.png` to `..._330.png`; `tokyo247.mat` says .jpg.
Queries: `00010.jpg`, beside it `00010.csv` with one line `00010.jpg,latitude,longitude,_,_,T`, where T is the time of
day: D (day), S (sunset) or N (night). They come in threes: the files 1, 4, 7, ... show the day, 2, 5, 8, ... the same
views at sunset, 3, 6, 9, ... by night. (Order: README_more.md of NetVLAD.) The csv counts; the number stands in for it.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import utm

from geoloc.data.prepare._dbstruct import DbStruct, find_structs, first_root, read_struct
from geoloc.data.prepare.download import Download
from geoloc.data.prepare.plan import Photo
from geoloc.data.prepare.raw_files import files_in
from geoloc.errors import InputError

ZONE = "54S"
DATABASE = ("", "images", "database_gsv_vga", "tokyo247")
QUERIES = ("247query_subset_v2", "247query_v3", "query", "tokyo247/247query_subset_v2", "tokyo247/247query_v3")
TILE = re.compile(r"(?P<pano>.+)_\d+_(?P<yaw>\d+)\.\w+")
TIMES = {"D": "day", "S": "sunset", "N": "night"}
SHORTER = 480  # pixels, as in the benchmark of Berton et al., CVPR 2022
PUBLISHED_DATABASE = 75_984
NEAR, FAR = 25.0, 1000.0  # metres
ARCHIVE = "https://data.ciirc.cvut.cz/public/projects/2015netVLAD/Tokyo247/queries/247query_subset_v2.zip"
DOWNLOADS = (Download(ARCHIVE, "247query_subset_v2.zip"),)  # the rest is given on request
HOW = (
    "The database is given on request (see https://github.com/Relja/netvlad), tokyo247.mat with the dataset"
    f" specifications at https://www.di.ens.fr/willow/research/netvlad, the queries at {ARCHIVE}."
    " RAW holds the unpacked folders 03814 to 03829,"
    " 247query_subset_v2 or 247query_v3, and tokyo247.mat there or in datasets/."
)


@dataclass(frozen=True)
class Record:
    """What the csv of one query says: degrees, and a letter of `TIMES` or nothing."""

    lat: float
    lon: float
    time: str


def read_tokyo(raw: Path, how: str) -> DbStruct:
    """`tokyo247.mat` of a raw folder."""
    return read_struct(find_structs(raw, ["tokyo247"], how)[0])


def plan_database(raw: Path, struct: DbStruct) -> list[Photo]:
    """The database; PNG files become JPEG files."""
    pngs = [str(Path(name).with_suffix(".png")) for name in struct.database]
    found = (names for names in (pngs, struct.database) if (first_root(raw, DATABASE, names[0]) / names[0]).is_file())
    names = next(found, pngs)
    root = first_root(raw, DATABASE, names[0])
    return [_tile(root / name, at, struct.path) for name, at in zip(names, struct.database_xy, strict=True)]


def _tile(source: Path, at: np.ndarray, struct: Path) -> Photo:
    """One tile of a panorama; `at` is (2,) metres."""
    tile = TILE.fullmatch(source.name)
    if not tile:
        raise InputError(f"{struct}: {source.name} is not named like PANORAMA_012_000.png")
    return Photo(
        source,
        float(at[0]),
        float(at[1]),
        ZONE,
        pano=tile["pano"],
        tile=f"{int(tile['yaw']) // 30:02d}",
        jpeg=source.suffix == ".png",
    )


def size_words(full_size: bool) -> str:
    """The size of the queries, for the record of the prepared set."""
    return "at full size" if full_size else f"with a shorter side of {SHORTER} pixels"


def plan_queries(raw: Path, struct: DbStruct, full_size: bool) -> tuple[list[Photo], list[str]]:
    """The queries that `tokyo247.mat` lists, and notes for the summary.

    Args:
        raw: Folder of the raw set.
        struct: Of `tokyo247.mat`.
        full_size: Leave them as they are instead of shrinking them.

    Raises:
        InputError: A csv is missing or says something else.
    """
    folder = first_root(raw, QUERIES, struct.queries[0])
    records = _records(folder, struct.queries)
    photos = []
    for name, record in zip(struct.queries, records, strict=True):
        east, north, _, _ = utm.from_latlon(record.lat, record.lon, force_zone_number=54, force_northern=True)
        photos.append(
            Photo(
                folder / name,
                float(east),
                float(north),
                ZONE,
                record.lat,
                record.lon,
                pano=Path(name).stem,
                note=TIMES.get(record.time) or _time_of_number(name, folder),
                shorter=None if full_size else SHORTER,
            )
        )
    return photos, [*_left_out(folder, struct), *_distances(photos, struct), *_times(photos, records)]


def _records(folder: Path, names: list[str]) -> list[Record]:
    """The csv beside each query."""
    records = []
    wrong = []
    for name in names:
        path = (folder / name).with_suffix(".csv")
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                row = [cell.strip() for cell in next(csv.reader(file))]
            record = Record(float(row[1]), float(row[2]), row[5].upper() if len(row) > 5 else "")
            if not (-80 <= record.lat <= 84 and -180 <= record.lon <= 180):
                raise ValueError("no degrees")
            records.append(record)
        except (OSError, StopIteration, IndexError, ValueError, csv.Error):
            wrong.append(path.name)
    if wrong:
        raise InputError(
            f"{folder}: {len(wrong)} of {len(names)} queries have no csv that could be read ({', '.join(wrong[:3])});"
            " it must stand beside the photo and begin with name,latitude,longitude"
        )
    return records


def _time_of_number(name: str, folder: Path) -> str:
    """Time of day of the n-th photo of the whole set."""
    stem = Path(name).stem
    if not stem.isdecimal():
        raise InputError(
            f"{folder}: neither the csv of {name} (sixth cell D, S or N) nor a number as its name says the time of day"
        )
    return list(TIMES.values())[(int(stem) - 1) % 3]


def _left_out(folder: Path, struct: DbStruct) -> list[str]:
    """A note on the photos of the folder that are no queries of the published protocol."""
    others = {path.name for path in files_in(folder, [".jpg"])} - set(struct.queries)
    if not others:
        return []
    return [f"{len(others):,} photos of {folder.name} are left out: {struct.path.name} does not list them"]


def _distances(photos: list[Photo], struct: DbStruct) -> list[str]:
    """A note on csv files and `tokyo247.mat` telling different positions.

    Raises:
        InputError: They are so far apart that one of them means something else.
    """
    apart = np.hypot(*(np.array([(photo.east, photo.north) for photo in photos]) - struct.queries_xy).T)  # (Q,) metres
    worst = int(apart.argmax())
    if apart[worst] > FAR:
        raise InputError(
            f"{photos[worst].source.with_suffix('.csv')}: lies {apart[worst] / 1000:,.0f} km from where {struct.path}"
            " has this query; the two are not of the same set, or latitude and longitude are swapped"
        )
    moved = int((apart > NEAR).sum())
    if not moved:
        return []
    return [
        f"{moved:,} queries lie more than {NEAR:g} m from where {struct.path.name} has them, up to"
        f" {apart[worst]:.0f} m; the csv files count"
    ]


def _times(photos: list[Photo], records: list[Record]) -> list[str]:
    """Notes on where the times of day come from."""
    said = [record.time in TIMES for record in records]
    odd = sum(
        photo.source.stem.isdecimal() and photo.note != _time_of_number(photo.source.name, photo.source.parent)
        for photo in photos
    )
    notes = []
    if not all(said):
        notes.append(
            f"{len(said) - sum(said):,} csv files do not say the time of day; it is taken from the number of the photo"
        )
    if odd:
        notes.append(f"{odd:,} csv files say another time of day than the number of the photo; the csv files count")
    return notes
