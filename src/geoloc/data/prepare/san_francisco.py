"""San Francisco: a million street views as database and photos of phones as queries; test only.

Chen et al.: City-Scale Landmark Identification on Mobile Devices. CVPR 2011.

The queries are the 598 whose positions were surveyed anew, since the first ones are up to 300 m wrong: Torii, Taira,
Sivic, Pollefeys, Okutomi, Pajdla, Sattler: Are Large-Scale 3D Models Really Necessary for Accurate Visual Localization?
PAMI 2021. The database is the perspective central images (PCI); the frontal ones (PFI) show the same.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import utm

from geoloc.data.prepare.download import Download
from geoloc.data.prepare.plan import Photo, Plan
from geoloc.data.prepare.raw_files import files_below
from geoloc.errors import InputError

QUERIES = "BuildingQueryImagesCartoIDCorrected-Upright"
POSES = "reference_poses_598"
HOW = (
    f"Get PCIs_*.tar and {QUERIES}.zip from https://purl.stanford.edu/vn158kj2087, and {POSES}.zip of Torii's project"
    f" vlocalization; unpack them: RAW/**/PCI_sp_*.jpg, RAW/{QUERIES}/*.jpg and RAW/{POSES}/*.txt."
)
STANFORD = "https://stacks.stanford.edu/file/druid:vn158kj2087"
TARS = [f"PCIs_{first:05d}000_{first + 1:05d}000_3.tar" for first in range(11, 150)]
DOWNLOADS = (
    *(Download(f"{STANFORD}/{tar}", tar, may_be_empty=True) for tar in TARS),
    Download(f"{STANFORD}/{QUERIES}.zip", f"{QUERIES}.zip"),
    Download(
        "http://www.ok.sc.e.titech.ac.jp/~torii/project/vlocalization/icons/reference_poses_598.zip", f"{POSES}.zip"
    ),
)
ZONE = "10S"
PUBLISHED = {"test/queries": 598}


def plan(raw: Path) -> Plan:
    """What becomes of the raw set.

    Args:
        raw: Folder of the unpacked archives.

    Raises:
        InputError: A part is missing, or a name or a line is not as the set has it.
    """
    database, again = _database(raw)
    notes = [f"left out, since their names come twice: {again} photos of the database"] if again else []
    sides = {"test/database": database, "test/queries": _queries(raw)}
    return Plan("san_francisco", sides, PUBLISHED, notes)


def _database(raw: Path) -> tuple[list[Photo], int]:
    """The database, and how many of its photos are there twice."""
    found = [path for path in files_below(raw, [".jpg"]) if path.name.startswith("PCI_sp_")]
    paths = list({path.name: path for path in reversed(found)}.values())[::-1]
    if not paths:
        raise InputError(f"{raw}: no PCI_sp_*.jpg in it. {HOW}")
    parts = [path.stem.split("_") for path in paths]
    try:
        numbers = np.array([[part[3], part[4], part[8], part[9]] for part in parts], dtype=np.float64)
    except (ValueError, IndexError):
        wrong = next(path for path, part in zip(paths, parts, strict=True) if not _is_name(part))
        raise InputError(
            f"{wrong}: the name must be PCI_sp_panorama_latitude_longitude_building_number_carto_heading_pitch.jpg, as"
            " the set has it"
        ) from None
    east, north, _, _ = utm.from_latlon(numbers[:, 0], numbers[:, 1], 10, "S")
    photos = [
        # Panorama, number and whole degrees alone are not one photo's: a panorama sees several buildings.
        Photo(path, e, n, ZONE, lat, lon, part[2], part[6], heading, pitch, note=f"{part[5]}_{part[7]}")
        for path, part, e, n, (lat, lon, heading, pitch) in zip(
            paths, parts, east.tolist(), north.tolist(), numbers.tolist(), strict=True
        )
    ]
    return photos, len(found) - len(paths)


def _is_name(part: list[str]) -> bool:
    try:
        return all(float(part[field]) is not None for field in (3, 4, 8, 9))
    except (ValueError, IndexError):
        return False


def _queries(raw: Path) -> list[Photo]:
    """Lines of the survey: method, photo, rotation (4 numbers), easting, northing, height."""
    path = raw / POSES / "reference_poses_addTM_all_598.txt"
    if not path.is_file():
        raise InputError(f"{path}: no such file. {HOW}")
    photos = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()[1:], 2):
        cells = line.split()
        if not cells:
            continue
        try:
            east, north = float(cells[6]), float(cells[7])
        except (ValueError, IndexError):
            raise InputError(
                f"{path}: line {number} must be method, photo, four numbers of the rotation, easting, northing, height"
            ) from None
        photos.append(Photo(raw / QUERIES / f"{cells[1]}.jpg", east, north, ZONE, pano=cells[1]))
    return photos
