"""Pictures of attention: what each part of a photo adds to a match, as heat over the photo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

# Dark blue over red to yellow, of growing lightness: no kind of colour blindness mixes them up.
COLOURS = np.array([(45, 0, 130), (140, 10, 160), (215, 65, 105), (250, 150, 45), (250, 245, 60)], np.float32)
FADED = 0.65  # of the photo's colours are taken away, so that those of the heat stand out
FULL = 0.98  # share of what adds that is weaker than full strength: a single cell is not to outshine the rest
COVER = 0.75  # opacity of the strongest heat


class Panel(NamedTuple):
    """A photo of a strip.

    Attributes:
        photo: RGB.
        heat: (h, w) float32, what each cell of a grid over the photo adds.
        frame: RGB.
    """

    photo: Image.Image
    heat: np.ndarray
    frame: tuple[int, int, int]


def overlay(photo: Image.Image, heat: np.ndarray, top: float) -> Image.Image:
    """A photo under its heat, which is scaled to it bilinearly and transparent where a part adds nothing or takes away.

    Args:
        photo: RGB.
        heat: (h, w) float32.
        top: Heat of full strength.
    """
    faded = Image.blend(photo, photo.convert("L").convert("RGB"), FADED)
    strength = np.clip(heat / top, 0, 1) if top > 0 else np.zeros_like(heat)
    scaled = Image.fromarray(strength.astype(np.float32)).resize(photo.size, Image.Resampling.BILINEAR)
    values = np.clip(np.asarray(scaled), 0, 1)  # (H, W)
    at = np.linspace(0, 1, len(COLOURS))
    colours = np.stack([np.interp(values, at, COLOURS[:, channel]) for channel in range(3)], axis=2)
    cover = COVER * values[..., None]
    mixed = (1 - cover) * np.asarray(faded, np.float32) + cover * colours
    return Image.fromarray(np.round(mixed).astype(np.uint8))


def heat_strip(
    panels: Sequence[Panel], tile: tuple[int, int] = (360, 270), gap: int = 6, frame: int = 4
) -> Image.Image:
    """Photos in a row under their heat, all on the same scale: the strongest 2 % of what adds are of full strength.

    Args:
        panels: Each photo keeps its aspect ratio.
        tile: (width, height) in pixels that each is fitted into, without its frame.
        gap: White pixels between photos; three times as many after the first.
        frame: Width of frames in pixels.
    """
    adds = np.concatenate([panel.heat[panel.heat > 0] for panel in panels])
    top = float(np.quantile(adds, FULL)) if len(adds) else 0.0
    shown = [
        ImageOps.expand(overlay(ImageOps.contain(panel.photo, tile), panel.heat, top), frame, panel.frame)
        for panel in panels
    ]
    lefts = [0]
    for number, picture in enumerate(shown):
        lefts.append(lefts[-1] + picture.width + (gap if number else 3 * gap))
    size = lefts[-2] + shown[-1].width, max(picture.height for picture in shown)
    row = Image.new("RGB", size, "white")
    for left, picture in zip(lefts, shown, strict=False):
        row.paste(picture, (left, 0))
    return row
