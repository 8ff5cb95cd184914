"""Eynsham: twice the same loop around Oxford, in grey, five photos a panorama; test only.

Cummins, Newman: Highly Scalable Appearance-Only SLAM - FAB-MAP 2.0. RSS 2009.

The first loop is the database and the second one the queries, as in Berton et al.: Deep Visual Geo-localization
Benchmark. CVPR 2022, https://arxiv.org/abs/2204.03444
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import utm

from geoloc.data.prepare.download import Download
from geoloc.data.prepare.plan import Photo, Plan
from geoloc.data.prepare.raw_files import files_in
from geoloc.errors import InputError

HOW = (
    "Get Eynsham.zip from https://zenodo.org/record/1243106 and unpack it: RAW/Eynsham/Images/*.ppm and"
    " RAW/Eynsham/Route_map/Eynsham.kml."
)
DOWNLOADS = (Download("https://zenodo.org/record/1243106/files/Eynsham.zip?download=1", "Eynsham.zip"),)
LOOP = 4787  # panoramas of the first loop
TILES = 5  # photos a panorama
ZONE = "30U"


def plan(raw: Path) -> Plan:
    """What becomes of the raw set.

    Args:
        raw: Folder that holds `Eynsham`, or that folder itself.

    Raises:
        InputError: The photos or the map are missing, or do not belong together.
    """
    folder = raw / "Eynsham" if (raw / "Eynsham").is_dir() else raw
    positions = _positions(folder / "Route_map" / "Eynsham.kml")
    # The first panorama has no position.
    paths = files_in(folder / "Images", [".ppm"])[TILES:]
    over = len(paths) - TILES * len(positions)
    if over < 0:
        raise InputError(
            f"{folder / 'Images'}: {len(paths) + TILES} photos (*.ppm) are too few for {len(positions)} positions of"
            f" {TILES} photos each, and {TILES} photos before the first; unpack the set anew"
        )
    photos = [
        _photo(paths[TILES * pano + tile], east, north, pano, tile)
        for pano, (east, north) in enumerate(positions.tolist())
        for tile in range(TILES)
    ]
    sides = {"test/database": photos[: TILES * LOOP], "test/queries": photos[TILES * LOOP :]}
    notes = [f"left out, since they have no position: the first {TILES} photos and the last {over}"]
    return Plan("eynsham", sides, {"test/database": TILES * LOOP}, notes)


def _positions(path: Path) -> np.ndarray:
    """(P, 2) easting and northing of the panoramas in metres, from the one line of the map."""
    if not path.is_file():
        raise InputError(f"{path}: no such file. {HOW}")
    line = re.search(r"<coordinates>(.*?)</coordinates>", path.read_text(encoding="utf-8"), re.DOTALL)
    # The last two entries are a position too many and what follows the last blank.
    entries = line[1].split(" ")[:-2] if line else []
    try:
        lonlat = np.array([entry.split(",")[:2] for entry in entries], dtype=np.float64).reshape(-1, 2)
    except ValueError:
        lonlat = np.empty((0, 2))
    if not len(lonlat):
        raise InputError(f"{path}: needs one line of <coordinates>lon,lat,height lon,lat,height ...</coordinates>")
    east, north, _, _ = utm.from_latlon(lonlat[:, 1], lonlat[:, 0], 30, "U")
    return np.stack([east, north], axis=1)


def _photo(path: Path, east: float, north: float, pano: int, tile: int) -> Photo:
    """One photo; its name holds the seconds since 1970 at which it was taken."""
    seconds = re.search(r"grab_(\d+)", path.name)
    if not seconds:
        raise InputError(f"{path}: the name must hold grab_ and the seconds since 1970, as the set has it")
    time = datetime.fromtimestamp(int(seconds[1]), UTC).strftime("%Y%m%d_%H%M%S")
    return Photo(path, east, north, ZONE, pano=f"{pano:04d}", tile=f"{tile:02d}", time=time, jpeg=True)
