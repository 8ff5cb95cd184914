"""Paints steep roofs that rise behind the cornice: tiles or slates with dormers."""

import numpy as np

from .canvas import Canvas
from .materials import lay_material
from .style import Color
from .texture import Texture

_TILES: tuple[Color, ...] = ((0.33, 0.34, 0.38), (0.45, 0.25, 0.19), (0.28, 0.27, 0.27), (0.52, 0.33, 0.24))


def paint_roof(rng: np.random.Generator, width: float, top: float, eaves: float, pixels_per_metre: float) -> Texture:
    """Paint the upright stand-in of a roof; only what is above the eaves can be seen."""
    canvas = Canvas(width, top, pixels_per_metre, _TILES[int(rng.integers(len(_TILES)))])
    lay_material(rng, canvas, "boards", eaves, top)
    canvas.speckle(rng, 1.5, 0.1)
    dormers = int(width / rng.uniform(2.6, 4.0)) if top - eaves > 1.8 and rng.random() < 0.7 else 0
    for number in range(dormers):
        center = (number + 0.5) * width / dormers
        canvas.relief(center - 0.6, center + 0.6, eaves + 0.2, eaves + 1.5, (0.75, 0.73, 0.68))
        canvas.pane(center - 0.4, center + 0.4, eaves + 0.3, eaves + 1.3, (0.16, 0.18, 0.2), 0)
    canvas.shade(0, width, top - 0.15, top, 0.7)
    return canvas.finish()
