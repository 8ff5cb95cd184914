"""Paints the ground of a street: asphalt, marks, zebras, kerbs, pavement and the mouths of side streets."""

from dataclasses import dataclass

import numpy as np

from .canvas import Canvas
from .materials import lay_material
from .noise import smooth_noise
from .style import Color
from .texture import Texture

GROUND_PIXELS_PER_METRE = 8.0


@dataclass(frozen=True)
class GroundPlan:
    """Extent of the painted ground and its parts, in metres of the street's frame.

    Attributes:
        reach: The ground is painted from -reach to reach along the street.
        breadth: And from -breadth to breadth across.
        road: Half width of the carriageway.
        facade_line: Distance of the facades from the middle.
        gaps: (side, start, stop) of the side streets along the street; side is -1 or 1.
        zebras: Places of pedestrian crossings along the street.
        dashed: Whether a dashed line runs along the middle.
    """

    reach: float
    breadth: float
    road: float
    facade_line: float
    gaps: tuple[tuple[int, float, float], ...]
    zebras: tuple[float, ...]
    dashed: bool


def paint_ground(rng: np.random.Generator, plan: GroundPlan) -> Texture:
    """Paint the ground; columns run along the street, row 0 lies at -breadth."""
    tone = rng.uniform(0.3, 0.42)
    asphalt: Color = (tone, tone, tone * 1.02)
    slab = rng.uniform(0.5, 0.66)
    pavement: Color = (slab, slab * rng.uniform(0.92, 1.0), slab * rng.uniform(0.84, 0.98))
    canvas = Canvas(2 * plan.reach, 2 * plan.breadth, GROUND_PIXELS_PER_METRE, pavement)
    middle, length = plan.breadth, 2 * plan.reach
    lay_material(rng, canvas, str(rng.choice(["ashlar", "panels", "plaster"])), 0, 2 * plan.breadth)
    canvas.fill(0, length, middle - plan.road, middle + plan.road, asphalt)
    for side, start, stop in plan.gaps:
        low, high = (0.0, middle) if side < 0 else (middle, 2 * middle)
        canvas.fill(start + plan.reach, stop + plan.reach, low, high, asphalt)
    cobbled = rng.random() < 0.25
    lay_material(rng, canvas, "brick" if cobbled else "plaster", middle - plan.road, middle + plan.road)
    _paint_kerbs(canvas, plan)
    _paint_marks(rng, canvas, plan)
    canvas.speckle(rng, 4.0, 0.1)
    canvas.speckle(rng, 0.6, 0.08)
    stains = smooth_noise(rng, canvas.glass.shape, (8, 24))
    canvas.color *= np.where(stains > 0.8, 0.85, 1.0).astype(np.float32)[..., None]
    return canvas.finish()


def _paint_kerbs(canvas: Canvas, plan: GroundPlan) -> None:
    for side in (-1, 1):
        edges = [-plan.reach]
        for gap_side, start, stop in sorted(plan.gaps):
            if gap_side == side:
                edges += [start, stop]
        edges.append(plan.reach)
        kerb = plan.breadth + side * plan.road
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            left, right = start + plan.reach, stop + plan.reach
            canvas.fill(left, right, kerb - 0.12, kerb + 0.12, (0.72, 0.71, 0.68))
            canvas.shade(
                left, right, kerb - 0.3 if side > 0 else kerb + 0.12, kerb - 0.12 if side > 0 else kerb + 0.3, 0.6
            )


def _paint_marks(rng: np.random.Generator, canvas: Canvas, plan: GroundPlan) -> None:
    white: Color = (0.85, 0.85, 0.82)
    if plan.dashed:
        for start in np.arange(0.0, 2 * plan.reach, 6.0):
            canvas.fill(start, start + 3.0, plan.breadth - 0.07, plan.breadth + 0.07, white)
    for zebra in plan.zebras:
        left = zebra + plan.reach
        for low in np.arange(plan.breadth - plan.road + 0.4, plan.breadth + plan.road - 0.4, 1.0):
            canvas.fill(left - 1.6, left + 1.6, low, low + 0.5, white)
    for _ in range(int(2 * plan.reach / 12)):
        u, v = rng.uniform(0, 2 * plan.reach), plan.breadth + rng.uniform(-0.8, 0.8) * plan.road
        canvas.fill(u, u + 0.7, v, v + 0.7, (0.24, 0.23, 0.22))
