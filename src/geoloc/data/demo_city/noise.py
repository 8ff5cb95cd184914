"""Smooth random fields, made from seeded integer generators so that every machine draws the same picture."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cell: tuple[float, float]) -> Floats:
    """Draw value noise: random numbers on a coarse lattice, blended smoothly in between.

    Args:
        rng: Source of the lattice values.
        shape: Rows and columns of the result.
        cell: Height and width of a lattice cell in pixels.

    Returns:
        Array of the given shape, values in 0..1.
    """
    lattice = rng.random((int(shape[0] / cell[0]) + 2, int(shape[1] / cell[1]) + 2), dtype=np.float32)
    row, row_weight = _lattice_steps(shape[0], cell[0])
    column, column_weight = _lattice_steps(shape[1], cell[1])
    rows = lattice[row] + (lattice[row + 1] - lattice[row]) * row_weight[:, None]
    left = rows[:, column]
    return left + (rows[:, column + 1] - left) * column_weight[None, :]


def _lattice_steps(count: int, cell: float) -> tuple[NDArray[np.intp], Floats]:
    position = np.arange(count, dtype=np.float32) / np.float32(cell)
    index = position.astype(np.intp)
    fraction = position - index
    return index, (fraction * fraction * (3.0 - 2.0 * fraction)).astype(np.float32)


def tileable_clouds(rng: np.random.Generator, size: int) -> Floats:
    """Draw a square of fractal noise that repeats without a seam.

    Args:
        rng: Source of randomness.
        size: Side in pixels; a power of two, at least 64.

    Returns:
        Array (size, size), values in 0..1.
    """
    total = np.zeros((size, size), np.float32)
    weight = 1.0
    for cells in (8, 16, 32, 64):
        lattice = rng.random((cells, cells), dtype=np.float32)
        step = size // cells
        fraction = np.arange(step, dtype=np.float32) / step
        blend = np.tile(fraction * fraction * (3.0 - 2.0 * fraction), cells)
        near = np.repeat(np.arange(cells), step)
        far = (near + 1) % cells
        rows = lattice[near] + (lattice[far] - lattice[near]) * blend[:, None]
        total += weight * (rows[:, near] + (rows[:, far] - rows[:, near]) * blend[None, :])
        weight *= 0.5
    low, high = total.min(), total.max()
    return (total - low) / (high - low)
