"""Small copies of photos, by row number: made when they are asked for, without what the files say besides."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache, partial
from io import BytesIO
from pathlib import Path

from geoloc.data.images import read_image
from geoloc.demo.refused import Refused
from geoloc.demo.uploads import reads_heic
from geoloc.errors import InputError

SIZES = {"small": (320, 240), "large": (1280, 960)}  # pixels that a photo is fitted into
KEPT = {"small": 1000, "large": 20}  # about 20 MB each
AT_ONCE = 2  # the network is to have the processor


class Thumbnails:
    """JPEG files of photos, fitted into a size; the last ones are kept.

    Args:
        paths: Of the N photos. A row number is all that is ever asked by.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        reads_heic()
        self.paths = paths
        self._turn = threading.Semaphore(AT_ONCE)
        self._made = {size: lru_cache(KEPT[size])(partial(self._make, box)) for size, box in SIZES.items()}

    def __len__(self) -> int:
        return len(self.paths)

    def jpeg(self, row: int, size: str) -> bytes:
        """The photo of a row.

        Args:
            row: From 0.
            size: "small" or "large".

        Raises:
            Refused: There is no such row, or its photo cannot be read.
        """
        if not 0 <= row < len(self):
            raise Refused(404, f"there is no photo {row}; the last one is {len(self) - 1}")
        return self._made[size](row)

    def _make(self, box: tuple[int, int], row: int) -> bytes:
        with self._turn:
            try:
                picture = read_image(self.paths[row], at_least=box)
            except InputError:
                raise Refused(404, f"photo {row} of the database is gone, or cannot be read any more") from None
            picture.thumbnail(box)
        picture.info.clear()  # comments and the like would go into the copy
        content = BytesIO()
        picture.save(content, "JPEG", quality=80)
        return content.getvalue()
