"""Pictures of predictions: a query, and what was found for it, framed green where right and red where wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image, ImageOps
from torchvision.transforms.v2.functional import to_pil_image

from geoloc.data.images import read_image

QUERY, RIGHT, WRONG = (60, 90, 160), (40, 150, 70), (200, 50, 45)


def thumbnail(path: Path, size: tuple[int, int], colour: tuple[int, int, int], frame: int = 4) -> Image.Image:
    """A photo fitted into a framed tile.

    Args:
        path: Of the photo.
        size: (width, height) of the tile in pixels, frame included.
        colour: RGB of the frame.
        frame: Its width in pixels.
    """
    inner = ImageOps.pad(read_image(path), (size[0] - 2 * frame, size[1] - 2 * frame), color=(235, 235, 235))
    return ImageOps.expand(inner, frame, colour)


def strip(
    query: Path, predictions: Sequence[Path], correct: Sequence[bool], tile: tuple[int, int] = (200, 150), gap: int = 6
) -> Image.Image:
    """One row: the query (blue frame), then its predictions, best first.

    Args:
        query: Photo.
        predictions: Photos found.
        correct: One for each prediction.
        tile: (width, height) of each photo in pixels.
        gap: White pixels between photos; three times as many after the query.
    """
    width = tile[0] * (1 + len(predictions)) + gap * (len(predictions) + 2)
    row = Image.new("RGB", (width, tile[1]), "white")
    row.paste(thumbnail(query, tile, QUERY), (0, 0))
    for rank, (path, right) in enumerate(zip(predictions, correct, strict=True)):
        left = tile[0] + 3 * gap + rank * (tile[0] + gap)
        row.paste(thumbnail(path, tile, RIGHT if right else WRONG), (left, 0))
    return row


def contact_sheet(
    rows: Sequence[Sequence[Image.Image | torch.Tensor]], tile: tuple[int, int] = (240, 180), gap: int = 6
) -> Image.Image:
    """Pictures in rows and columns, each scaled to fit its tile.

    Args:
        rows: PIL images, or (3, H, W) uint8 tensors.
        tile: (width, height) of each in pixels.
        gap: White pixels between them.
    """
    columns = max(map(len, rows))
    sheet = Image.new("RGB", (columns * (tile[0] + gap) - gap, len(rows) * (tile[1] + gap) - gap), "white")
    for down, row in enumerate(rows):
        for right, picture in enumerate(row):
            image = to_pil_image(picture) if isinstance(picture, torch.Tensor) else picture
            fitted = ImageOps.pad(image, tile, color=(235, 235, 235))
            sheet.paste(fitted, (right * (tile[0] + gap), down * (tile[1] + gap)))
    return sheet
