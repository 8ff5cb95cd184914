"""The one image reader: `read_pixels` for networks, in training, mining and testing; `read_image` for all else.

Both give the same pixels. What they do with each kind of file:
- EXIF orientation is applied, so a phone photo stands upright as its viewer shows it.
- Grey, grey with alpha, palette, CMYK, YCbCr and the like become RGB. 16-bit grey keeps its upper 8 bits.
- Transparency is laid over white, as most viewers do; hidden colours never leak in.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import ExifTags, Image
from torchvision.transforms.v2 import functional as tf

from geoloc.data import jpeg
from geoloc.errors import InputError

# full: every pixel of a JPEG; reduced: a half, a quarter or an eighth of them a side, where those are enough.
Decode = Literal["full", "reduced"]
# What brings a photo of each EXIF orientation upright.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
LYING = frozenset({5, 6, 7, 8})  # whose width becomes the height
EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})


def read_image(path: str | Path, at_least: tuple[int, int] | None = None) -> Image.Image:
    """Read one image file as upright 8-bit RGB.

    Args:
        path: Of the file.
        at_least: (width, height) of the upright image that is enough, for small pictures: a JPEG is then decoded at a
            half, a quarter or an eighth of its size if that is no less, which is many times faster.

    Raises:
        InputError: The file is missing, damaged or no image; the message names it.
    """
    try:
        with Image.open(path) as image:
            if at_least is not None:
                image.draft(None, at_least[::-1] if orientation_of(image) in LYING else at_least)
            return upright(image)
    except FileNotFoundError:
        raise InputError(f"{path}: no such image") from None
    except Exception as error:  # damaged files raise many things, and each must name its file
        raise InputError(f"{path}: cannot be read as an image ({_reason(error)}); replace or remove it") from None


def upright(image: Image.Image) -> Image.Image:
    """8-bit RGB, as it is to be looked at, of an image that Pillow has opened; whatever Pillow raises comes through."""
    image.load()
    turn = TURNS.get(orientation_of(image))
    return _to_rgb(image if turn is None else image.transpose(turn))


def read_pixels(path: str | Path, enough: tuple[int, int] | None = None) -> torch.Tensor:
    """Read one image file as upright RGB, by the fastest decoder that gives the pixels of `read_image`.

    Args:
        path: Of the file.
        enough: (height, width) for which a JPEG may be decoded at a half, a quarter or an eighth of its size, if that
            is no less; None: at its full size. See `enough_for`.

    Returns:
        (3, H, W) uint8, the channels of a pixel side by side.

    Raises:
        InputError: See `read_image`.
    """
    pixels = _plain_jpeg(path, enough)
    return to_tensor(read_image(path, enough and enough[::-1])) if pixels is None else pixels


def enough_for(size: tuple[int, int], decode: Decode) -> tuple[int, int] | None:
    """`enough` of `read_pixels` for an image that is to become (height, width) `size`."""
    return size if decode == "reduced" else None


def _plain_jpeg(path: str | Path, enough: tuple[int, int] | None) -> torch.Tensor | None:
    """A JPEG that needs nothing but decoding; None of all else, whatever is wrong with it."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError:
        return None
    header = jpeg.header_of(data.data)
    if header is None or header.height * header.width > (Image.MAX_IMAGE_PIXELS or np.inf):  # of which Pillow warns
        return None
    if header.tagged:
        try:
            with Image.open(BytesIO(data.tobytes())) as image:
                if orientation_of(image) in TURNS:
                    return None
        except Exception:  # Pillow finds something wrong
            return None
    if enough is not None and min(header.height // enough[0], header.width // enough[1]) >= 2:
        return None
    return jpeg.decode(data)


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1 for upright; nothing else of the block counts, which cameras write in many odd ways."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a block that cannot be read says nothing
        return 1
    return orientation if isinstance(orientation, int) else 1


def _reason(error: Exception) -> str:
    return "not an image, or a damaged one" if isinstance(error, Image.UnidentifiedImageError) else str(error)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def to_tensor(image: Image.Image) -> torch.Tensor:
    """(3, H, W) uint8 tensor of an RGB image."""
    return tf.pil_to_tensor(image)


def resize(image: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Resize a (..., 3, H, W) uint8 image to `size` (height, width): bilinear, antialiased, aspect ratio ignored.

    Training, mining and testing share this one function, so that no domain sees another resampling than the others.
    """
    return tf.resize(image, list(size), antialias=True)
