"""Photos as people hand them over: paths, PIL images, arrays. All of them become upright uint8 tensors of one size."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import IOBase
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from PIL import Image

from geoloc.data.batches import stacked
from geoloc.data.images import read_pixels, resize, to_tensor, upright
from geoloc.data.prepare.heic import read_heic_too
from geoloc.errors import InputError

# A path, a PIL image, or an (H, W, 3) uint8 RGB array.
Photo: TypeAlias = str | os.PathLike[str] | Image.Image | np.ndarray
AT_ONCE = 16  # photos of a batch where nobody says how many


def photos_of(photos: Photo | Iterable[Photo]) -> list[Photo]:
    """The photos, of one as of several.

    Raises:
        InputError: A photo is of another kind.
    """
    alone = isinstance(photos, str | os.PathLike | Image.Image) or (isinstance(photos, np.ndarray) and photos.ndim == 3)
    numbers = isinstance(photos, np.ndarray) and photos.dtype.kind not in "OU" and photos.ndim not in (3, 4)
    other = isinstance(photos, bytes | bytearray | IOBase | Mapping)  # whose parts are no photos
    if not alone and (numbers or other or not isinstance(photos, Iterable)):
        raise InputError(_refusal(photos))
    found: list[Photo] = [photos] if alone else list(photos)  # type: ignore[arg-type, list-item]
    for photo in found:
        check_photo(photo)
    read_heic_too([Path(photo) for photo in found if isinstance(photo, str | os.PathLike)])
    return found


def check_photo(photo: object) -> None:
    """Refuse what is no photo.

    Raises:
        InputError: Says what it is, and what would be right.
    """
    if isinstance(photo, str | os.PathLike | Image.Image):
        return
    pixels = isinstance(photo, np.ndarray) and photo.dtype == np.uint8 and photo.size > 0
    if not (pixels and photo.ndim == 3 and photo.shape[2] == 3):  # type: ignore[attr-defined]
        raise InputError(_refusal(photo))


def _refusal(photo: object) -> str:
    """What is wrong with what is no photo."""
    shape, dtype = getattr(photo, "shape", None), getattr(photo, "dtype", None)
    kind = type(photo).__name__ if shape is None else f"{type(photo).__name__} {tuple(shape)} {dtype}"
    return (
        f"a photo must be a path, a PIL image or an (H, W, 3) uint8 RGB array of values from 0 to 255, not {kind};"
        " tensors come as one batch, (B, 3, H, W) uint8"
    )


def pixels_of(photo: Photo, size: tuple[int, int], enough: tuple[int, int] | None = None) -> torch.Tensor:
    """(3, height, width) uint8 pixels of a photo.

    Args:
        photo: As `photos_of` gives it.
        size: (height, width) in pixels.
        enough: See `read_pixels`.

    Raises:
        InputError: It cannot be read.
    """
    return resize(whole(photo, enough), size)


def whole(photo: Photo, enough: tuple[int, int] | None = None) -> torch.Tensor:
    """(3, H, W) uint8 pixels of a photo in its own size, or in one that is `enough`; see `pixels_of`."""
    if isinstance(photo, np.ndarray):
        return torch.from_numpy(photo if photo.flags.writeable else photo.copy()).movedim(-1, 0)
    if isinstance(photo, Image.Image):
        return to_tensor(upright(photo))
    return read_pixels(photo, enough)  # type: ignore[arg-type]


def batches_of(photos: Sequence[Photo], size: tuple[int, int]) -> Iterator[torch.Tensor]:
    """(B, 3, height, width) uint8 images of so many photos at once as fit anywhere."""
    for start in range(0, len(photos), AT_ONCE):
        yield stacked([pixels_of(photo, size) for photo in photos[start : start + AT_ONCE]])
