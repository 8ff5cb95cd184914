"""Surfaces of walls: brick, plaster, ashlar, boards and panels."""

import numpy as np

from .canvas import Canvas

# Height and length in metres of a course, width of its joint, joint brightness, brightness scatter between pieces.
_COURSES = {
    "brick": (0.16, 0.42, 0.045, 1.25, 0.13),
    "ashlar": (0.48, 1.0, 0.05, 0.78, 0.05),
    "boards": (0.22, 40.0, 0.05, 0.72, 0.03),
    "panels": (1.5, 2.4, 0.06, 0.7, 0.04),
}


def lay_material(rng: np.random.Generator, canvas: Canvas, material: str, low: float, high: float) -> None:
    """Structure the plain colour of a canvas between two heights, in metres.

    Args:
        rng: Source of the scatter between single bricks or stones.
        canvas: Where to paint.
        material: One of brick, plaster, ashlar, boards and panels.
        low: Lower edge.
        high: Upper edge.
    """
    area = canvas.area(0, canvas.glass.shape[1] / canvas.scale, low, high)
    rows, columns = canvas.glass[area].shape
    grain = 1.0 + 0.05 * (rng.random((rows, columns), dtype=np.float32) - 0.5)
    if material != "plaster":
        grain *= _courses(rng, rows, columns, canvas.scale, *_COURSES[material])
    canvas.color[area] *= grain[..., None]


def _courses(
    rng: np.random.Generator,
    rows: int,
    columns: int,
    scale: float,
    height: float,
    length: float,
    joint: float,
    joint_light: float,
    scatter: float,
) -> np.ndarray:
    v = (np.arange(rows, dtype=np.float32) + 0.5) / scale
    u = (np.arange(columns, dtype=np.float32) + 0.5) / scale
    course = (v / height).astype(np.intp)
    shifted = u[None, :] + np.where(course % 2, 0.5 * length, 0.0)[:, None]
    piece = (shifted / length).astype(np.intp)
    light = 1.0 + scatter * rng.standard_normal((course[-1] + 1, int(piece.max()) + 1)).astype(np.float32)
    pattern = light[course[:, None], piece]
    in_joint = (v % height < joint)[:, None] | (shifted % length < joint)
    return np.where(in_joint, joint_light, pattern)
