"""Photos that come from outside: how much of them is taken in, and what counts as one. Nothing is written to disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from importlib.util import find_spec
from io import BytesIO

from PIL import Image, UnidentifiedImageError

from geoloc.data.images import upright
from geoloc.demo.refused import Refused

PIXELS = 64_000_000  # of a photo that is decoded; cameras of phones write at most 50 million by default
SECONDS = 30.0  # in which a photo has to arrive
FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
READS = "JPEG, PNG, WebP or BMP"


async def read_limited(headers: Mapping[str, str], chunks: AsyncIterator[bytes], most: int) -> bytes:
    """Take in the body of a request, and never more than is allowed.

    Args:
        headers: Of the request, with names in lower case.
        chunks: The body as it arrives.
        most: Bytes.

    Raises:
        Refused: It is no photo by its own account, too large (before it is read, where it says so), empty or too slow.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if not (kind.startswith("image/") or kind == "application/octet-stream"):
        # A page of another site cannot send these two without asking first, and it is not told yes.
        raise Refused(415, f"send the photo itself, with Content-Type: image/jpeg or the like; {READS} are read")
    too_large = Refused(413, f"this file is too large: at most {most / 1e6:g} MB are taken")
    said = headers.get("content-length", "")
    if said.isdigit() and int(said) > most:
        raise too_large
    data = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            async for chunk in chunks:
                if len(data) + len(chunk) > most:
                    raise too_large
                data += chunk
    except TimeoutError:
        raise Refused(408, f"the photo did not arrive within {SECONDS:g} seconds") from None
    if not data:
        raise Refused(400, f"this file is empty; a photo was expected ({READS})")
    return bytes(data)


def photo_of(data: bytes) -> Image.Image:
    """Decode a photo as `geoloc.data.images.read_image` would decode its file: upright 8-bit RGB.

    The size is looked at before anything is decoded, and no other decoder of Pillow is tried than those of `FORMATS`.

    Args:
        data: A whole file.

    Raises:
        Refused: It is no photo, too large a one, or a damaged one.
    """
    try:
        image = Image.open(BytesIO(data), formats=_formats())
    except UnidentifiedImageError:
        raise Refused(415, f"this is not a photo that can be read ({READS})") from None
    except Image.DecompressionBombError:
        raise _too_many("more than any camera takes") from None
    except Exception:  # a header that contradicts itself raises many things
        raise Refused(400, "this photo is damaged: its header cannot be read") from None
    with image:
        if image.width * image.height > PIXELS:
            raise _too_many(f"{image.width:,} x {image.height:,}")
        try:
            return upright(image)
        except Exception as error:
            raise Refused(400, f"this photo is damaged and cannot be decoded ({error})") from None


def _too_many(size: str) -> Refused:
    return Refused(413, f"this photo has too many pixels ({size}); at most {PIXELS // 1_000_000} million are decoded")


def _formats() -> tuple[str, ...]:
    """What Pillow may try."""
    return (*FORMATS, "HEIF") if reads_heic() else FORMATS


def reads_heic() -> bool:
    """Teach Pillow to open photos of iPhones, if the extra `heic` is installed; whether it is."""
    if find_spec("pi_heif") is None:
        return False
    from pi_heif import register_heif_opener

    register_heif_opener()
    return True
