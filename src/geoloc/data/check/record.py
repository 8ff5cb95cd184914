"""What one decoding of an image file tells."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.fft import dctn

from geoloc.data.conditions import luma_above
from geoloc.data.images import read_image
from geoloc.errors import InputError

VERSION = 1  # of all that is measured here; records of another version are measured again
SIDE = 32  # pixels of the small grey picture that `look_of` goes by
FLAT = 16  # grey levels between its darkest and its brightest pixel, below which it shows nothing


@dataclass(frozen=True, slots=True)
class Record:
    """One file.

    Attributes:
        size: Bytes of the file.
        width: Pixels, of the upright photo; 0 if it cannot be read, as `height`.
        height: Pixels.
        mode: Pillow's word for how the file stores colour, such as "RGB" or "L".
        digest: 16 bytes of BLAKE2b over the file.
        look: 8 bytes of `look_of`; empty if the photo is flat.
        brightness: As `geoloc.data.conditions.brightness`.
        error: Why it cannot be read; empty if it can.
        lasting: False if the next attempt may go better, since not even the file's bytes could be had.
    """

    size: int
    width: int = 0
    height: int = 0
    mode: str = ""
    digest: bytes = b""
    look: bytes = b""
    brightness: float = 0.0
    error: str = ""
    lasting: bool = True


def measure(path: str) -> Record:
    """Decode one image file wholly; one that cannot be read gives a record that says why."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        return Record(0, error=f"cannot be opened ({error.strerror})", lasting=False)
    digest = hashlib.blake2b(content, digest_size=16).digest()
    try:
        image = read_image(path)
    except InputError as error:
        return Record(len(content), digest=digest, error=error.problems[0].removeprefix(f"{path}: "))
    with Image.open(path) as file:
        mode = file.mode
    luma = image.convert("L")
    return Record(
        len(content), image.width, image.height, mode, digest, look_of(luma), luma_above(np.asarray(luma)), "", True
    )


def look_of(luma: Image.Image) -> bytes:
    """A hash of what a photo shows, which a new encoding or another size hardly changes.

    The photo becomes 32 x 32 pixels, of whose discrete cosine transform the 8 x 8 lowest frequencies without the mean
    are compared with their median: 63 bits (Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions,
    2010, section 3.2.1, in a variant).

    Args:
        luma: Grey photo.

    Returns:
        8 bytes, of which the first bit is 0; none if the photo is flat, since noise alone would set the bits.
    """
    small = np.asarray(luma.resize((SIDE, SIDE), Image.Resampling.BOX)).astype(np.float64)
    if np.ptp(small) < FLAT:
        return b""
    low = dctn(small, norm="ortho")[:8, :8].ravel()[1:]
    return np.packbits(np.concatenate([[False], low > np.median(low)])).tobytes()
