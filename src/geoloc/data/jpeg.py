"""JPEG files through torchvision's decoder, which is faster than Pillow's and writes straight into a tensor.

Both decode by libjpeg-turbo, each by a copy of its own. Only what Pillow is certain to turn into the same pixels is
decoded here: colour photos of one baseline scan whose header holds nothing unusual. All else is left to Pillow: grey,
CMYK, progressive and damaged files, files with Adobe's marker, photos to be turned. So is everything where the two
copies disagree on a few small pictures, which are tried once a process.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from io import BytesIO

import numpy as np
import torch
from PIL import Image

log = logging.getLogger(__name__)

START, FRAME, SCAN = 0xD8, 0xC0, 0xDA
APP0, APP1, APP2, QUANTISATION = 0xE0, 0xE1, 0xE2, 0xDB
RGB = 3  # torchvision's ImageReadMode
HARMLESS = frozenset({0xC4, 0xDD, 0xFE})  # Huffman tables, restart interval, comment


@dataclass(frozen=True)
class Header:
    """Of a plain JPEG.

    Attributes:
        height: In pixels, as stored.
        width: The same.
        tagged: Whether there is an Exif or XMP block, which may say that the photo is to be turned.
    """

    height: int
    width: int
    tagged: bool


def header_of(data: memoryview) -> Header | None:
    """The header of a plain JPEG; None of anything else.

    Args:
        data: The whole file, as unsigned bytes.
    """
    if bytes(data[:2]) != bytes((0xFF, START)):
        return None
    at, tagged, size = 2, False, None
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], data[at + 2] << 8 | data[at + 3]
        body = data[at + 4 : at + 2 + length]
        if length < 2 or len(body) != length - 2:
            return None
        if marker == SCAN:
            return Header(*size, tagged) if size is not None and len(body) == 10 and body[0] == 3 else None
        if marker == FRAME:
            if size is not None or not _is_colour_frame(body):
                return None
            size = body[1] << 8 | body[2], body[3] << 8 | body[4]
        elif not _is_plain(marker, body):
            return None
        tagged |= marker == APP1
        at += 2 + length
    return None


def _is_colour_frame(body: memoryview) -> bool:
    """Three components of 8 bits, named as those of YCbCr are."""
    return len(body) == 15 and body[0] == 8 and body[5] == 3 and (body[6], body[9], body[12]) == (1, 2, 3)


def _is_plain(marker: int, body: memoryview) -> bool:
    """Whether Pillow accepts a segment before the scan, and takes no other decision from it than libjpeg does."""
    if marker == QUANTISATION:
        return len(body) % 65 == 0 and not any(body[start] >> 4 for start in range(0, len(body), 65))
    if marker == APP0:
        return len(body) >= 14 and bytes(body[:5]) == b"JFIF\0"
    if marker == APP2:
        return len(body) >= 14 and bytes(body[:12]) == b"ICC_PROFILE\0"
    return marker == APP1 or marker in HARMLESS


def decode(data: np.ndarray) -> torch.Tensor | None:
    """(3, H, W) uint8 of a file whose header is plain, the channels of a pixel side by side; None if that fails.

    Args:
        data: The whole file, (n,) uint8.
    """
    if not same_as_pillow():
        return None
    try:
        return _decode(data)
    except Exception:  # damaged; Pillow says how, or reads it all the same
        return None


def _decode(data: np.ndarray) -> torch.Tensor:
    # The operator itself: the function around it is deprecated since torchvision 0.29, and says so at each image.
    return torch.ops.image.decode_jpeg(torch.from_numpy(data), RGB, False)  # False: the orientation is not applied


@cache
def same_as_pillow() -> bool:
    """Whether both decoders give the same pixels of one small picture in every common subsampling."""
    try:
        import torchvision.io  # noqa: F401  # brings the operator, as long as there is one

        same = all(_agree(subsampling) for subsampling in ("4:4:4", "4:2:2", "4:2:0"))
    except Exception as error:  # such as a torchvision that was built without libjpeg
        log.debug("torchvision cannot decode JPEG files: %s", error)
        same = False
    if not same:
        log.info(
            "JPEG files are decoded by Pillow alone, since torchvision's decoder gives other pixels, or none, here"
        )
    return same


def _agree(subsampling: str) -> bool:
    noise = np.random.default_rng(0).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(noise).resize((45, 37), Image.Resampling.BICUBIC).save(file, "JPEG", subsampling=subsampling)
    with Image.open(file) as image:
        pillow = np.array(image.convert("RGB"))
    ours = _decode(np.frombuffer(file.getvalue(), np.uint8).copy())
    return torch.equal(ours, torch.from_numpy(pillow).permute(2, 0, 1))
