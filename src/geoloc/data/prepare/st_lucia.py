"""St Lucia: a suburb of Brisbane, filmed on the same route at ten times of day; two of the passes, test only.

Glover, Maddern, Milford, Wyeth: FAB-MAP + RatSLAM: Appearance-based SLAM for Multiple Times of Day. ICRA 2010.

The first pass is the database and the last one the queries, both thinned out to frames at least 5 m apart, as in Berton
et al.: Deep Visual Geo-localization Benchmark. CVPR 2022, https://arxiv.org/abs/2204.03444
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import utm

from geoloc.data.prepare.clips import count_frames
from geoloc.data.prepare.plan import Photo, Plan
from geoloc.errors import InputError

HOW = (
    "Get the passes (zip files) from https://github.com/arrenglover/openfabmap/wiki/Datasets with a browser and unpack"
    " them: RAW/100909_0845/webcam_video.avi, RAW/100909_0845/fGPS.txt and so on. Needs pip install 'geoloc[match]'."
)
VIDEO, POSITIONS = "webcam_video.avi", "fGPS.txt"
APART = 5.0  # metres between the frames that are kept
ZONE = "56J"
PUBLISHED = {"test/database": 1549, "test/queries": 1464}


def plan(raw: Path, database: str | None = None, queries: str | None = None) -> Plan:
    """What becomes of the raw set.

    Args:
        raw: Folder of the passes.
        database: Folder of the pass that is the database; by default the first by name.
        queries: Folder of the pass that are the queries; by default the last by name.

    Raises:
        InputError: There are no two passes, or one of them has no video or no positions.
    """
    passes = sorted(path.parent.name for path in raw.glob(f"*/{VIDEO}"))
    if len(passes) < 2:
        raise InputError(f"{raw}: holds {len(passes)} passes ({VIDEO} in a folder each), two are needed. {HOW}")
    chosen = {"database": database or passes[0], "queries": queries or passes[-1]}
    for side, name in chosen.items():
        if name not in passes:
            raise InputError(f"{side}: {raw} has no pass {name}; it has {', '.join(passes)}")
    sides = {}
    notes = [f"passes: {chosen['database']} as database, {chosen['queries']} as queries"]
    for side, name in chosen.items():
        sides[f"test/{side}"], without = _frames(raw / name)
        if without:
            notes.append(f"left out, since {POSITIONS} has no line for them: the last {without:,} frames of {name}")
    return Plan("st_lucia", sides, PUBLISHED, notes, chosen)


def _frames(folder: Path) -> tuple[list[Photo], int]:
    """Frames of a pass, each at least 5 m from the one before; and how many have no position."""
    number = count_frames(folder / VIDEO)
    xy = _positions(folder / POSITIONS)[:number]
    time = re.fullmatch(r"(\d\d)(\d\d)(\d\d)_(\d{4})", folder.name)  # day, month, year, hour and minute
    stamp = f"20{time[3]}{time[2]}{time[1]}_{time[4]}" if time else ""
    photos = [
        Photo(
            folder / VIDEO,
            float(xy[frame, 0]),
            float(xy[frame, 1]),
            ZONE,
            pano=f"{folder.name}_{frame:05d}",
            time=stamp,
            frame=frame,
        )
        for frame in apart(xy, APART)
    ]
    return photos, number - len(xy)


def apart(xy: np.ndarray, metres: float) -> list[int]:
    """Rows of (N, 2) positions: the first, and each that is at least so far from the one chosen before it.

    Distances are between positions cut to centimetres, as the benchmark has it; else some of its frames would differ.

    Example:
        >>> apart(np.array([[0.0, 0.0], [4.0, 0.0], [5.0, 0.0], [5.0, 4.0], [5.0, 6.0]]), 5)
        [0, 2, 4]
    """
    cut = np.floor(xy * 100) / 100
    chosen: list[int] = []
    for row in range(len(cut)):
        if not chosen or np.hypot(*(cut[row] - cut[chosen[-1]])) >= metres:
            chosen.append(row)
    return chosen


def _positions(path: Path) -> np.ndarray:
    """(N, 2) easting and northing of each frame in metres. The file has latitudes without the minus sign."""
    if not path.is_file():
        raise InputError(f"{path}: no such file. {HOW}")
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    try:
        latlon = np.array([line.split(",") for line in lines], dtype=np.float64).reshape(-1, 2)
    except ValueError:
        latlon = np.empty((0, 2))
    if not len(latlon):
        raise InputError(f"{path}: needs a line for each frame: latitude,longitude in degrees")
    east, north, _, _ = utm.from_latlon(-np.abs(latlon[:, 0]), latlon[:, 1], 56, "J")
    return np.stack([east, north], axis=1)
