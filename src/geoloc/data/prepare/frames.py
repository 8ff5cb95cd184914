"""A folder of video frames or photos whose positions a GPS track says (a GPX file), by time.

Positions are interpolated between the points of the track. Frames without a time, outside of the track or in one of its
gaps are left out, counted, and listed in left_out.csv.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from geoloc.data.images import EXTENSIONS
from geoloc.data.prepare import exif
from geoloc.data.prepare.gpx import Track, locate, read_track
from geoloc.data.prepare.heic import HEIC, is_heic
from geoloc.data.prepare.own import assemble
from geoloc.data.prepare.photos import others, photos_below
from geoloc.data.prepare.plan import Photo, Plan
from geoloc.data.prepare.positions import to_utm
from geoloc.data.prepare.sharing import Sharing
from geoloc.data.prepare.shots import Dropped, Shot
from geoloc.data.prepare.times import aware, field, in_name, of_option
from geoloc.errors import InputError

HOW = "RAW is a folder of video frames or photos; --track names the GPX file that was recorded with them."


def plan(
    raw: Path,
    sharing: Sharing,
    track: Path,
    start: str | None = None,
    fps: float | None = None,
    clock_ahead: float = 0.0,
    max_gap: float = 10.0,
    name: str | None = None,
) -> Plan:
    """Give frames the positions of a track.

    Args:
        raw: Folder of the frames.
        sharing: How they are shared out.
        track: GPX file.
        start: Time of the first frame, such as 2024-06-01T12:00:00Z; needs --fps. Without it each frame's EXIF data
            says its time, else its name (20240601_120000.jpg).
        fps: Frames a second, with --start; the frames follow in the order of the numbers in their names.
        clock_ahead: Seconds that the clock of the frames is ahead of UTC, where a time says no zone; such as 7200 for
            Central European Summer Time.
        max_gap: Seconds between two points of the track beyond which the way between them is not known.
        name: Of the set; by default that of the folder.

    Raises:
        InputError: The track cannot be read, or no frame has a time within it.
    """
    if (start is None) != (fps is None):
        raise InputError("--start and --fps go together")
    if fps is not None and not (math.isfinite(fps) and fps > 0):
        raise InputError(f"--fps {fps:g}: must be more than 0")
    way = read_track(track, max_gap)
    files, dropped = photos_below(raw, EXTENSIONS | HEIC)
    rest = others(raw, [*files, *(file for file, _ in dropped)])
    files.sort(key=_natural)
    if start is not None and fps is not None:
        first = of_option(start, "--start")
        times: list[datetime | None] = [first + timedelta(seconds=number / fps) for number in range(len(files))]
        ways = Counter({"--start and --fps": len(files)})
    else:
        times, ways = _own_times(raw, files)
    frames = [(raw / file, file, time and aware(time, clock_ahead)) for file, time in zip(files, times, strict=True)]
    shots, more, notes = on_track(frames, way)
    ways_text = f"times of frames from {', '.join(f'{way}: {number:,}' for way, number in ways.items())}"
    options = {"track": track.name, "start": start, "fps": fps, "clock_ahead": clock_ahead or None, "max_gap": max_gap}
    return assemble(
        raw,
        name,
        shots,
        dropped + more,
        sharing,
        [*rest, ways_text, *notes],
        {key: str(value) for key, value in options.items() if value is not None},
    )


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts frame_10 after frame_9."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _own_times(folder: Path, files: Sequence[str]) -> tuple[list[datetime | None], Counter[str]]:
    """The time that each file's EXIF data says, else its name; and how many each way."""
    times, ways = [], Counter[str]()
    for file in files:
        try:
            time = exif.taken(exif.read_blocks(folder / file).camera)
        except ValueError:  # no such block, which is no harm if the name says the time
            time = None
        way = "EXIF data" if time else "names"
        time = time or in_name(Path(file).name)
        ways[way if time else "nowhere"] += 1
        times.append(time)
    return times, ways


def on_track(
    frames: Sequence[tuple[Path, str, datetime | None]], track: Track
) -> tuple[list[Shot], Dropped, list[str]]:
    """Give frames positions.

    Args:
        frames: (file, what it is called, when it was taken in UTC) of each.
        track: Of the receiver that was with the camera.

    Returns:
        The frames with positions, those without, and lines for the summary.

    Raises:
        InputError: No frame has a time within the track.
    """
    notes = [f"{track.dropped:,} points of {track.path.name} are not used: without time or position, or a time twice"]
    timed = [(path, file, time) for path, file, time in frames if time is not None]
    dropped = [(file, "no time") for _, file, time in frames if time is None]
    places, reasons = locate(track, np.array([time.timestamp() for *_, time in timed]))
    shots = []
    for (path, file, time), place, why in zip(timed, places, reasons, strict=True):
        if why:
            dropped.append((file, why))
        else:
            shots.append(_shot(path, file, time, *place.tolist()))
    if timed and not shots:
        raise InputError(
            f"{track.path}: has no position for any frame; the track lasts from {_span(_ends(track))}, the frames from"
            f" {_span([time for *_, time in timed])}, all in UTC; see --clock-ahead and --max-gap"
        )
    return shots, dropped, notes if track.dropped else []


def _shot(path: Path, file: str, time: datetime, lat: float, lon: float, height: float) -> Shot:
    east, north, zone = to_utm(lat, lon)
    height_known = None if math.isnan(height) else round(height, 1)
    photo = Photo(path, east, north, zone, lat, lon, height=height_known, time=field(time), jpeg=is_heic(path))
    return Shot(file, photo)


def _ends(track: Track) -> list[datetime]:
    return [datetime.fromtimestamp(seconds, UTC) for seconds in track.seconds[[0, -1]].tolist()]


def _span(times: list[datetime]) -> str:
    return " to ".join(f"{time:%Y-%m-%d %H:%M:%S}" for time in (min(times), max(times)))
