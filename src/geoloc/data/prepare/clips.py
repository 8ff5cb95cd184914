"""Frames of videos, by their numbers. Needs OpenCV."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image

from geoloc.data.progress import progress_bar
from geoloc.errors import InputError


class _Video:
    """An open video. Reads forwards only: seeking lands on other frames in some formats."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.capture = _opencv().VideoCapture(str(path))
        if not self.capture.isOpened():
            raise InputError(f"{path}: cannot be read as a video; get it anew")
        self.next = 0

    def read(self, number: int) -> Image.Image:
        while self.next < number:
            self._step(self.capture.grab())
        good, image = self.capture.read()  # (H, W, 3) uint8, blue first
        self._step(good)
        return Image.fromarray(image[:, :, ::-1])

    def _step(self, good: bool) -> None:
        if not good:
            raise InputError(f"{self.path}: frame {self.next} cannot be read; get the video anew")
        self.next += 1


def read_frame(path: Path, number: int) -> Image.Image:
    """RGB frame `number` (from 0) of a video; fastest in ascending order.

    Raises:
        InputError: The video or the frame cannot be read, or OpenCV is missing.
    """
    if _open(path).next > number:
        _open.cache_clear()
    return _open(path).read(number)


def count_frames(path: Path) -> int:
    """Number of frames that a video says it has.

    Raises:
        InputError: The video cannot be read, or OpenCV is missing.
    """
    return int(_Video(path).capture.get(_opencv().CAP_PROP_FRAME_COUNT))


def frame_times(path: Path, every: float) -> Iterator[tuple[int, float]]:
    """Frames at even times: the number of each, from 0, and its seconds since the beginning of the video.

    Args:
        path: The video.
        every: Seconds from one frame to the next; 0: all frames.

    Raises:
        InputError: The video cannot be read, or OpenCV is missing.
    """
    cv2, capture, due = _opencv(), _Video(path).capture, 0.0
    total = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    number = 0
    try:
        with progress_bar(f"reading {path.name}", unit="frames") as advance:
            while capture.grab():
                second = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                if second >= due - 1e-6:
                    due = every * (math.floor(second / every + 1e-6) + 1) if every else 0.0
                    yield number, second
                number += 1
                advance(number, max(total, number))
    finally:
        capture.release()


@lru_cache(maxsize=1)
def _open(path: Path) -> _Video:
    return _Video(path)


def _opencv() -> Any:
    try:
        import cv2
    except ImportError:
        raise InputError("videos need OpenCV: pip install 'geoloc[match]'") from None
    return cv2
