"""Strips for papers: a query, then what was found for it, with frames that are told apart in colour and in grey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from geoloc.data.images import read_image
from geoloc.report.paper.style import QUERY, RIGHT, WRONG, new_figure, style

GAP, AFTER_QUERY, LABEL, HEAD, EDGE = 0.05, 0.14, 0.15, 0.15, 0.02  # inches
FRAME = 1.4  # points
DASHES = (0, (3, 1.6))  # of what is wrong
WORDS, WIDE = 7.0, 0.6  # points of the words, and how wide a letter of them is by its height
SHAPES = (0.6, 1.8)  # narrowest and widest tile: width by height
PAPER = (255, 255, 255)


@dataclass(frozen=True)
class Strip:
    """One row.

    Attributes:
        query: Photo.
        predictions: Photos found, best first.
        correct: One for each.
        labels: One for each, such as "412 m".
        note: Below the query.
    """

    query: Path
    predictions: Sequence[Path]
    correct: Sequence[bool]
    labels: Sequence[str]
    note: str = ""


def strips(rows: Sequence[Strip], width: float, dpi: int) -> Figure:
    """One row a query: the query in blue, right predictions in a whole green frame, wrong ones in a dashed red one.

    Args:
        rows: At least one; all with equally many predictions.
        width: Inches.
        dpi: Pixels an inch of the photos.

    Raises:
        InputError: A photo is missing or damaged.
    """
    found = len(rows[0].predictions)
    tile = (width - 2 * EDGE - AFTER_QUERY - GAP * (found - 1)) / (found + 1)
    photos = [[read_image(path) for path in (row.query, *row.predictions)] for row in rows]
    shape = np.median([photo.width / photo.height for row in photos for photo in row])
    high = tile / float(np.clip(shape, *SHAPES))
    height = HEAD + len(rows) * (high + LABEL + GAP) - GAP + EDGE
    below = [[row.note, *map(_label, row.correct, row.labels)] for row in rows]
    size = min(WORDS, 72 * tile / (WIDE * max(len(text) for texts in below for text in texts)))
    with style():
        figure = new_figure(width, height)
        for down, (row, own) in enumerate(zip(rows, photos, strict=True)):
            bottom = height - HEAD - (down + 1) * high - down * (LABEL + GAP)
            for place, photo in enumerate(own):
                left = EDGE + place * (tile + GAP) + (AFTER_QUERY - GAP) * (place > 0)
                box = (left / width, bottom / height, tile / width, high / height)
                axes = figure.add_axes(box)
                _photo(axes, photo, (round(tile * dpi), round(high * dpi)))
                right = place > 0 and bool(row.correct[place - 1])
                _frame(axes, QUERY if place == 0 else RIGHT if right else WRONG, whole=place == 0 or right)
                colour = "black" if place == 0 else RIGHT if right else WRONG
                axes.set_xlabel(below[down][place], labelpad=2.5, color=colour, fontsize=size)
                if down == 0:
                    axes.set_title("query" if place == 0 else f"{place}", fontsize=7, pad=2.5)
        return figure


def _label(right: bool, far: str) -> str:
    return f"{'✓' if right else '✗'} {far}"


def _photo(axes: Axes, photo: Image.Image, size: tuple[int, int]) -> None:
    """The whole photo in a tile of this many pixels, drawn pixel by pixel."""
    fitted = ImageOps.pad(photo, size, Image.Resampling.LANCZOS, color=PAPER)
    axes.imshow(np.asarray(fitted), aspect="auto", interpolation="none")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)


def _frame(axes: Axes, colour: str, whole: bool) -> None:
    for spine in axes.spines.values():
        spine.set(visible=True, color=colour, linewidth=FRAME, linestyle="-" if whole else DASHES)
