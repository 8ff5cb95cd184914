"""Small pictures as text, so that a page holds them itself: each photo once, of as many queries as fit."""

from __future__ import annotations

import base64
import io
import logging
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import numpy as np
from PIL import Image

from geoloc.data.images import read_image
from geoloc.errors import InputError

log = logging.getLogger(__name__)
SIZE = (160, 120)  # pixels that a photo is fitted into
QUALITY = 70


def inline(picture: Image.Image, quality: int = 80) -> str:
    """A picture as the address of an image that needs no file."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return held(buffer.getvalue())


def held(jpeg: bytes) -> str:
    """The content of a JPEG file as the address of an image that needs no file."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def address(path: Path, folder: Path) -> str:
    """Address of a file or folder as a page in `folder` calls it; absolute where no relative one leads there.

    Example:
        >>> address(Path("/data/my city/a@b.jpg"), Path("/data/logs"))
        '../my%20city/a%40b.jpg'
    """
    try:
        return quote(Path(os.path.relpath(path, folder.resolve())).as_posix())
    except ValueError:  # another drive of Windows
        return path.as_uri()


def thumbnails(root: Path, names: Iterable[str]) -> dict[str, str]:
    """Name -> address of a small picture; what cannot be read, as where the photos are gone, is left out and told.

    Args:
        root: Folder of the photos.
        names: Relative to it.
    """
    wanted = list(dict.fromkeys(names))
    with ThreadPoolExecutor() as pool:
        made = dict(zip(wanted, pool.map(lambda name: _small(root / name), wanted), strict=True))
    gone = [name for name, picture in made.items() if picture is None]
    if gone:
        log.warning("report.html: %d photos of %s cannot be read, such as %s", len(gone), root, gone[0])
    return {name: picture for name, picture in made.items() if picture is not None}


def _small(path: Path) -> str | None:
    try:
        picture = read_image(path, at_least=SIZE)
    except InputError:
        return None
    picture.thumbnail(SIZE)
    return inline(picture, QUALITY)


def shares(number: int, sizes: Mapping[str, int]) -> dict[str, int]:
    """Deal out a number evenly; what a small one does not need goes to the others.

    Example:
        >>> shares(10, {"a": 100, "b": 2, "c": 100})
        {'b': 2, 'a': 4, 'c': 4}
    """
    dealt: dict[str, int] = {}
    for name in sorted(sizes, key=lambda name: sizes[name]):
        left = number - sum(dealt.values())
        dealt[name] = min(sizes[name], left // (len(sizes) - len(dealt)))
    return dealt


def shown_inside(hardest: np.ndarray, wrong: np.ndarray, number: int) -> list[int]:
    """Queries whose photos the page holds: half for the hardest wrong ones, the rest evenly over all others.

    Args:
        hardest: (Q,) int64 queries, hardest first.
        wrong: (Q,) bool.
        number: At most so many.

    Example:
        >>> shown_inside(np.array([3, 1, 0, 2, 4]), np.array([True, True, False, True, False]), 4)
        [3, 1, 0, 4]
    """
    hard = [int(query) for query in hardest if wrong[query]][: -(-number // 2)]
    others = np.setdiff1d(np.arange(len(hardest)), hard)
    room = min(number - len(hard), len(others))
    even = others[np.linspace(0, len(others) - 1, room).round().astype(np.int64)] if room else others[:0]
    return hard + even.tolist()
