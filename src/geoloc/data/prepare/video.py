"""A video whose positions a GPS track says (a GPX file), by time; needs OpenCV (pip install 'geoloc[match]').

Frames are taken from the video at even times, stored as JPEG, and prepared as `frames` are.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from geoloc.data.prepare.clips import frame_times
from geoloc.data.prepare.frames import on_track
from geoloc.data.prepare.gpx import read_track
from geoloc.data.prepare.own import assemble
from geoloc.data.prepare.plan import Plan
from geoloc.data.prepare.sharing import Sharing
from geoloc.data.prepare.times import aware, of_option
from geoloc.errors import InputError

HOW = "RAW is a video file; --track names the GPX file that was recorded with it, --start the time of its beginning."


def plan(
    raw: Path,
    sharing: Sharing,
    track: Path,
    start: str,
    every: float = 1.0,
    clock_ahead: float = 0.0,
    max_gap: float = 10.0,
    name: str | None = None,
) -> Plan:
    """Take frames from a video and give them the positions of a track.

    Args:
        raw: The video.
        sharing: How the frames are shared out.
        track: GPX file.
        start: Time of the first frame, such as 2024-06-01T12:00:00Z.
        every: Seconds from one frame that is taken to the next.
        clock_ahead: Seconds that --start is ahead of UTC, where it says no zone; such as 7200 for Central European
            Summer Time.
        max_gap: Seconds between two points of the track beyond which the way between them is not known.
        name: Of the set; by default that of the file.

    Raises:
        InputError: OpenCV is missing, the video or the track cannot be read, or no frame has a time within the track.
    """
    if not (math.isfinite(every) and every >= 0):
        raise InputError(f"--every {every:g}: must be 0 seconds (all frames) or more")
    first = aware(of_option(start, "--start"), clock_ahead)
    way = read_track(track, max_gap)
    taken = {
        f"{raw.stem}_{round(second * 1000):09d}.jpg": (number, second) for number, second in frame_times(raw, every)
    }
    if not taken:
        raise InputError(f"{raw}: OpenCV can read no frame of it; is it a video?")
    timed = [(raw, name, first + timedelta(seconds=second)) for name, (_, second) in taken.items()]
    shots, dropped, notes = on_track(timed, way)
    shots = [replace(shot, photo=replace(shot.photo, frame=taken[shot.file][0])) for shot in shots]
    options = {"track": track.name, "start": start, "every": every, "clock_ahead": clock_ahead, "max_gap": max_gap}
    texts = {key: str(value) for key, value in options.items()}
    return assemble(raw, name, shots, dropped, sharing, notes, texts)
