"""Frames of videos, by their numbers. Needs OpenCV."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image

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


@lru_cache(maxsize=1)
def _open(path: Path) -> _Video:
    return _Video(path)


def _opencv() -> Any:
    try:
        import cv2
    except ImportError:
        raise InputError("frames of videos need OpenCV: pip install 'geoloc[match]'") from None
    return cv2
