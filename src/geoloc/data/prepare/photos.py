"""Own photos with GPS positions in their EXIF data (phones, action cameras).

Position, heading, height and time are read from each photo below the folder. Photos without a position are left out,
counted, and listed in left_out.csv. HEIC photos are stored anew as JPEG; all others are linked as they are.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from geoloc.data.images import EXTENSIONS
from geoloc.data.prepare import exif
from geoloc.data.prepare.heic import HEIC, is_heic, read_heic_too
from geoloc.data.prepare.own import assemble
from geoloc.data.prepare.plan import Photo, Plan
from geoloc.data.prepare.positions import to_utm
from geoloc.data.prepare.sharing import Sharing
from geoloc.data.prepare.shots import Dropped, Shot
from geoloc.data.prepare.times import field
from geoloc.data.progress import progress_bar
from geoloc.data.readers import RECORD, find_images

HOW = "RAW is a folder of photos with GPS positions in their EXIF data; subfolders are searched too."


def plan(raw: Path, sharing: Sharing, name: str | None = None) -> Plan:
    """Read the EXIF data of all photos below a folder.

    Args:
        raw: The folder.
        sharing: How they are shared out.
        name: Of the set; by default that of the folder.

    Raises:
        InputError: No photo has a position, or HEIC photos cannot be read.
    """
    files, dropped = photos_below(raw, EXTENSIONS | HEIC)
    rest = others(raw, [*files, *(file for file, _ in dropped)])
    shots: list[Shot] = []
    seen: Counter[str] = Counter()
    with progress_bar("reading EXIF data") as advance:
        for done, file in enumerate(files, 1):
            try:
                shots.append(_shot(raw, file, seen))
            except ValueError as error:
                dropped.append((file, str(error)))
            advance(done, len(files))
    notes = [text.format(seen[key]) for key, text in NOTES.items() if seen[key]]
    return assemble(raw, name, shots, dropped, sharing, [*rest, *notes], {})


NOTES = {
    "magnetic": "{:,} headings count from magnetic north, and are kept as they are",
    "clock": "{:,} photos do not say their time zone; their times are those of the camera's clock, all others UTC",
    "timeless": "{:,} photos say no time",
}


def photos_below(folder: Path, extensions: frozenset[str] = EXTENSIONS) -> tuple[list[str], Dropped]:
    """Images below a folder, and those that are left out: in a set that was prepared there, or links to another one."""
    files = find_images(folder, extensions)
    read_heic_too([folder / file for file in files])
    prepared = {str(path.parent.relative_to(folder)) for path in folder.rglob(RECORD)}
    inside = {file for file in files if any(file.startswith(f"{part}/") for part in prepared)} if prepared else set()
    dropped = [(file, "in a prepared set") for file in sorted(inside)]
    own = [file for file in files if file not in inside]
    links = {file for file in own if (folder / file).is_symlink()}
    seen = {(folder / file).resolve() for file in own if file not in links} if links else set()
    for file in sorted(links):
        real = (folder / file).resolve()
        if real in seen:
            dropped.append((file, "a link to another photo"))
            own.remove(file)
        seen.add(real)
    return own, dropped


def others(folder: Path, photos: list[str]) -> list[str]:
    """One line that counts the files below a folder that are none of the photos that were found."""
    kinds = Counter(Path(name).suffix.lower() for _, _, names in os.walk(folder, followlinks=False) for name in names)
    kinds.subtract(Path(file).suffix.lower() for file in photos)
    left = sorted((kind, number) for kind, number in kinds.items() if number > 0)
    counts = ", ".join(f"{number:,} {kind or 'without ending'}" for kind, number in left)
    return [f"no photos, or hidden: {counts}"] if counts else []


def _shot(folder: Path, file: str, seen: Counter[str]) -> Shot:
    """One photo.

    Raises:
        ValueError: It has no position; the message says why.
    """
    blocks = exif.read_blocks(folder / file)
    lat, lon = exif.position(blocks.gps)
    east, north, zone = to_utm(lat, lon)
    time = exif.taken(blocks.camera)
    if time is None or time.tzinfo is None:
        time = exif.gps_time(blocks.gps) or time
    seen["magnetic"] += exif.magnetic(blocks.gps)
    seen["timeless"] += time is None
    seen["clock"] += time is not None and time.tzinfo is None
    photo = Photo(
        folder / file,
        east,
        north,
        zone,
        lat,
        lon,
        heading=exif.heading(blocks.gps),
        height=exif.height(blocks.gps),
        time=field(time),
        jpeg=is_heic(Path(file)),
    )
    return Shot(file, photo)
