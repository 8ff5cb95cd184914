"""Cars and vans: stacks of boxes and their painted sides."""

from dataclasses import dataclass

import numpy as np

from .canvas import Canvas
from .facade import HEADLIGHT, TAILLIGHT
from .style import Color
from .texture import Texture

_PIXELS_PER_METRE = 24.0
_PAINTS: tuple[Color, ...] = (
    (0.82, 0.82, 0.82),
    (0.66, 0.68, 0.7),
    (0.12, 0.12, 0.13),
    (0.35, 0.36, 0.38),
    (0.5, 0.1, 0.09),
    (0.12, 0.2, 0.42),
    (0.9, 0.9, 0.88),
    (0.2, 0.33, 0.24),
    (0.75, 0.6, 0.2),
    (0.45, 0.55, 0.65),
)
_GLASS: Color = (0.12, 0.14, 0.16)


@dataclass(frozen=True)
class VehicleShape:
    """Boxes of a vehicle that stands at the origin and looks along +x.

    Attributes:
        boxes: (boxes, 6) x0, x1, y0, y1, z0, z1 in metres.
        textures: (boxes, 5) index into `paint`'s list for the faces -x, +x, -y, +y and top.
    """

    boxes: np.ndarray
    textures: np.ndarray
    length: float
    width: float


def draw_vehicle(rng: np.random.Generator) -> tuple[VehicleShape, list[Texture]]:
    """Draw a car or, one time in six, a van, with the textures of its faces."""
    paint = _PAINTS[int(rng.integers(len(_PAINTS)))]
    return _van(rng, paint) if rng.random() < 0.17 else _car(rng, paint)


def _car(rng: np.random.Generator, paint: Color) -> tuple[VehicleShape, list[Texture]]:
    length, width = rng.uniform(3.7, 4.7), rng.uniform(1.65, 1.85)
    belt, roof = rng.uniform(0.85, 0.98), rng.uniform(1.4, 1.58)
    rear, front = (-0.5 + rng.uniform(0.03, 0.16)) * length, (0.5 - rng.uniform(0.24, 0.3)) * length
    half, middle = width / 2, 0.5 * (belt + roof)
    boxes = np.array(
        [
            [-length / 2, length / 2, -half, half, 0.16, belt],
            [rear, front, -half + 0.06, half - 0.06, belt, middle],
            [rear + 0.3, front - 0.45, -half + 0.12, half - 0.12, middle, roof],
        ]
    )
    textures = [
        _body_side(length, belt, paint),
        _body_end(width, belt, paint, TAILLIGHT),
        _body_end(width, belt, paint, HEADLIGHT),
        _plain(paint, 1.06),
        _cabin(front - rear, middle - belt, paint),
        _cabin(width - 0.12, middle - belt, paint),
    ]
    faces = np.array([[1, 2, 0, 0, 3], [5, 5, 4, 4, 3], [5, 5, 4, 4, 3]])
    return VehicleShape(boxes, faces, length, width), textures


def _van(rng: np.random.Generator, paint: Color) -> tuple[VehicleShape, list[Texture]]:
    length, width, height = rng.uniform(5.0, 6.4), 2.0, rng.uniform(2.1, 2.7)
    cab = length / 2 - 1.5
    boxes = np.array(
        [
            [-length / 2, cab, -width / 2, width / 2, 0.25, height],
            [cab, length / 2, -width / 2, width / 2, 0.25, 1.1],
            [cab, length / 2 - 0.6, -width / 2 + 0.05, width / 2 - 0.05, 1.1, height - 0.25],
        ]
    )
    side = Canvas(length - 1.5, height, _PIXELS_PER_METRE, paint)
    _wheels(side, [0.9])
    if rng.random() < 0.6:
        band: Color = _PAINTS[int(rng.integers(len(_PAINTS)))]
        side.fill(0.4, length - 2.2, 0.9, 1.6, band)
    textures = [
        side.finish(),
        _body_end(width, height, paint, TAILLIGHT),
        _body_end(width, 1.1, paint, HEADLIGHT),
        _plain(paint, 1.05),
        _cabin(0.9, height - 1.35, paint),
        _cabin(width, height - 1.35, paint),
        _body_side(1.5, 1.1, paint),
    ]
    faces = np.array([[1, 3, 0, 0, 3], [3, 2, 6, 6, 3], [3, 5, 4, 4, 3]])
    return VehicleShape(boxes, faces, length, width), textures


def _wheels(canvas: Canvas, centers: list[float]) -> None:
    rows, columns = canvas.glass.shape
    v, u = (np.mgrid[0:rows, 0:columns].astype(np.float32) + 0.5) / canvas.scale
    for center in centers:
        distance = np.hypot(u - center, v - 0.14)
        canvas.color[distance < 0.36] = (0.05, 0.05, 0.055)
        canvas.color[distance < 0.2] = (0.5, 0.5, 0.52)


def _body_side(length: float, belt: float, paint: Color) -> Texture:
    canvas = Canvas(length, belt - 0.16, _PIXELS_PER_METRE, paint)
    canvas.shade(0, length, 0, 0.2, 0.6)
    canvas.shade(0, length, belt - 0.3, belt - 0.22, 1.15)
    for seam in np.arange(1.3, length - 1.0, 1.0):
        canvas.shade(seam, seam + 0.03, 0.1, belt, 0.6)
    _wheels(canvas, [0.75, length - 0.8] if length > 2 else [length / 2])
    return canvas.finish()


def _body_end(width: float, belt: float, paint: Color, light: int) -> Texture:
    canvas = Canvas(width, belt - 0.16, _PIXELS_PER_METRE, paint)
    canvas.shade(0, width, 0, 0.22, 0.45)
    if belt > 1.5:
        canvas.pane(0.2, width - 0.2, belt - 1.0, belt - 0.45, _GLASS, 0)
    part = canvas.new_part(light)
    color: Color = (0.85, 0.85, 0.8) if light == HEADLIGHT else (0.6, 0.08, 0.06)
    for left in (0.08, width - 0.42):
        area = canvas.area(left, left + 0.34, 0.42, 0.6)
        canvas.color[area] = color
        canvas.ids[area] = part
    canvas.fill(width / 2 - 0.26, width / 2 + 0.26, 0.22, 0.33, (0.9, 0.9, 0.82))
    return canvas.finish()


def _cabin(width: float, height: float, paint: Color) -> Texture:
    canvas = Canvas(width, height, _PIXELS_PER_METRE, paint)
    canvas.pane(0.07, width - 0.07, 0, height - 0.04, _GLASS, 0)
    if width > 1.9:
        canvas.fill(width / 2, width / 2 + 0.08, 0, height, paint)
    return canvas.finish()


def _plain(paint: Color, factor: float) -> Texture:
    red, green, blue = (min(1.0, part * factor) for part in paint)
    return Canvas(0.4, 0.4, _PIXELS_PER_METRE, (red, green, blue)).finish()
