"""A video whose positions a GPS track says (a GPX file), by time; needs OpenCV (pip install 'geoloc[match]').

Frames are taken from the video at even times, stored as JPEG in a folder of their own, and prepared as `frames` are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from PIL import Image

from geoloc.data.prepare.frames import on_track
from geoloc.data.prepare.gpx import read_track
from geoloc.data.prepare.own import assemble
from geoloc.data.prepare.plan import Plan
from geoloc.data.prepare.sharing import Sharing
from geoloc.data.prepare.times import aware, of_option
from geoloc.data.prepare.write import QUALITY
from geoloc.data.progress import progress_bar
from geoloc.errors import InputError

HOW = "RAW is a video file; --track names the GPX file that was recorded with it, --start the time of its beginning."


def plan(
    raw: Path,
    sharing: Sharing,
    track: Path,
    start: str,
    frames: Path,
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
        frames: Folder that the frames are stored in; frames that it has already are not stored again.
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
    cv2 = _opencv()
    frames.mkdir(parents=True, exist_ok=True)
    stored = list(_frames(cv2, raw, frames, every))
    timed = [(path, path.name, first + timedelta(seconds=second)) for path, second in stored]
    shots, dropped, notes = on_track(timed, way)
    notes = [f"{len(stored):,} frames of {raw.name} are stored in {frames}", *notes]
    options = {"track": track.name, "start": start, "every": every, "clock_ahead": clock_ahead, "max_gap": max_gap}
    texts = {key: str(value) for key, value in options.items()}
    return assemble(raw, name, shots, dropped, sharing, notes, texts)


def _frames(cv2: Any, video: Path, folder: Path, every: float) -> Iterator[tuple[Path, float]]:
    """Store frames; gives each one's file and its seconds since the beginning."""
    capture = cv2.VideoCapture(str(video))
    total = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    number, due = 0, 0.0
    try:
        with progress_bar(f"reading {video.name}", unit="frame") as advance:
            while capture.grab():
                number += 1
                advance(number, max(total, number))
                second = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                if second < due - 1e-6:
                    continue
                due = every * (math.floor(second / every + 1e-6) + 1) if every else 0.0
                yield _store(capture, folder / f"{video.stem}_{round(second * 1000):09d}.jpg", video), second
    finally:
        capture.release()
    if number == 0:
        raise InputError(f"{video}: OpenCV can read no frame of it; is it a video?")


def _store(capture: Any, path: Path, video: Path) -> Path:
    if not path.exists():
        whole, frame = capture.retrieve()
        if not whole:
            raise InputError(f"{video}: is damaged at the frame {path.name}")
        part = path.with_name(f".{path.name}.part")
        Image.fromarray(frame[..., ::-1]).save(part, "JPEG", quality=QUALITY)  # OpenCV has blue first
        part.replace(path)
    return path


def _opencv() -> Any:
    try:
        import cv2
    except ImportError:
        raise InputError("videos need OpenCV: pip install 'geoloc[match]'") from None
    return cv2
