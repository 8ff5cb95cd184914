"""The one image reader. Training, mining, testing and pictures all go through `read_image`.

What it does with each kind of file:
- EXIF orientation is applied, so a phone photo stands upright as its viewer shows it.
- Grey, grey with alpha, palette, CMYK, YCbCr and the like become RGB. 16-bit grey keeps its upper 8 bits.
- Transparency is laid over white, as most viewers do; hidden colours never leak in.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image
from torchvision.transforms.v2 import functional as tf

from geoloc.errors import InputError

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
EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})


def read_image(path: str | Path, at_least: tuple[int, int] | None = None) -> Image.Image:
    """Read one image file as upright 8-bit RGB.

    Args:
        path: Of the file.
        at_least: (width, height) that is enough, for small pictures: a JPEG is then decoded at a half, a quarter or an
            eighth of its size if that is no less, which is many times faster.

    Raises:
        InputError: The file is missing, damaged or no image; the message names it.
    """
    try:
        with Image.open(path) as image:
            if at_least is not None:
                image.draft(None, at_least)
            image.load()
            upright = _upright(image)
    except FileNotFoundError:
        raise InputError(f"{path}: no such image") from None
    except Exception as error:  # damaged files raise many things, and each must name its file
        raise InputError(f"{path}: cannot be read as an image ({_reason(error)}); replace or remove it") from None
    return _to_rgb(upright)


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation and nothing else of the EXIF block, which cameras write in many odd ways."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a block that cannot be read says nothing
        return image
    turn = TURNS.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


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
