"""Textures of walls and ground in one flat store, with separate resolution levels along and across (a ripmap).

Walls are upright and the camera is level, so a pixel's footprint on a wall is an upright rectangle: choosing the
level along the wall and up the wall separately filters exactly, and far oblique facades neither flicker nor smear.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .noise import Floats

LEVELS = 4
_MULTIPLE = 2**LEVELS

Indices = NDArray[np.intp]


@dataclass
class Texture:
    """Colours of one flat surface.

    Attributes:
        color: (rows, columns, 3) in 0..1, display-encoded; row 0 is the foot of a wall.
        glass: (rows, columns) in 0..1; how much of the surface is window glass.
        ids: (rows, columns) uint8; which light-emitting part a texel belongs to, 0 for none.
        kinds: kind of each part (see `facade.py`), entry 0 unused.
        pixels_per_metre: resolution along both sides.
    """

    color: Floats
    glass: Floats
    ids: NDArray[np.uint8]
    kinds: list[int]
    pixels_per_metre: float


def texture_size(metres: float, pixels_per_metre: float) -> int:
    """Number of texels for a length, rounded up so that every level halves evenly."""
    return int(np.ceil(metres * pixels_per_metre / _MULTIPLE)) * _MULTIPLE


class TextureAtlas:
    """All textures of one street in two flat arrays, sampled by texture number."""

    def __init__(self, textures: list[Texture]) -> None:
        count = len(textures)
        self.offset = np.zeros((count, LEVELS, LEVELS), np.intp)
        self.width = np.zeros((count, LEVELS), np.intp)
        self.height = np.zeros((count, LEVELS), np.intp)
        self.pixels_per_metre = np.array([texture.pixels_per_metre for texture in textures], np.float32)
        self.kinds = np.zeros((count, 256), np.uint8)
        texels: list[NDArray[np.uint32]] = []
        ids: list[NDArray[np.uint8]] = []
        filled = 0
        for number, texture in enumerate(textures):
            self.kinds[number, : len(texture.kinds)] = texture.kinds
            rows, columns = texture.glass.shape
            self.height[number] = [rows >> level for level in range(LEVELS)]
            self.width[number] = [columns >> level for level in range(LEVELS)]
            upright = _pack(texture)
            for level_v in range(LEVELS):
                flat = upright
                for level_u in range(LEVELS):
                    self.offset[number, level_u, level_v] = filled
                    texels.append(flat.ravel())
                    ids.append(texture.ids[:: 1 << level_v, :: 1 << level_u].ravel())
                    filled += flat.size
                    flat = _mean(flat[:, 0::2], flat[:, 1::2])
                upright = _mean(upright[0::2], upright[1::2])
        self.texels = np.concatenate(texels)
        self.ids = np.concatenate(ids)

    def sample(
        self, number: Indices, along: Floats, up: Floats, footprint_along: Floats, footprint_up: Floats
    ) -> tuple[Floats, NDArray[np.uint8]]:
        """Look up N points.

        Args:
            number: (N,) texture numbers.
            along: (N,) metres from the left end of the surface.
            up: (N,) metres from its foot.
            footprint_along: (N,) metres that one picture pixel covers along the surface.
            footprint_up: (N,) metres that one picture pixel covers up the surface.

        Returns:
            Planes (4, N) in 0..1: red, green, blue, glass; and the (N,) part ids.
        """
        scale = self.pixels_per_metre[number]
        level_u = _level(footprint_along * scale)
        level_v = _level(footprint_up * scale)
        width = self.width[number, level_u]
        height = self.height[number, level_v]
        offset = self.offset[number, level_u, level_v]
        left, right, weight_u = _neighbours(along * scale, level_u, width)
        low, high, weight_v = _neighbours(up * scale, level_v, height)
        low_row = offset + low * width
        high_row = offset + high * width
        bottom = _lerp(_unpack(self.texels[low_row + left]), _unpack(self.texels[low_row + right]), weight_u)
        top = _lerp(_unpack(self.texels[high_row + left]), _unpack(self.texels[high_row + right]), weight_u)
        nearest = np.where(weight_v < 0.5, low_row, high_row) + np.where(weight_u < 0.5, left, right)
        return _lerp(bottom, top, weight_v), self.ids[nearest]


def _level(texels_per_pixel: Floats) -> Indices:
    """Level whose texels are about as large as the pixel; slightly on the sharp side."""
    level = np.zeros(texels_per_pixel.shape, np.intp)
    for step in range(1, LEVELS):
        level += texels_per_pixel > 0.75 * 2**step
    return level


def _neighbours(position: Floats, level: Indices, size: Indices) -> tuple[Indices, Indices, Floats]:
    scaled = position * (np.float32(1.0) / (1 << level).astype(np.float32)) - np.float32(0.5)
    scaled = np.clip(scaled, 0, size - 1).astype(np.float32)
    first = scaled.astype(np.intp)
    return first, np.minimum(first + 1, size - 1), scaled - first.astype(np.float32)


def _lerp(first: Floats, second: Floats, weight: Floats) -> Floats:
    return first + (second - first) * weight


def _pack(texture: Texture) -> NDArray[np.uint32]:
    """Colour and glass as one number per texel, red in the lowest byte: (rows, columns)."""
    planes = np.concatenate([texture.color, texture.glass[..., None]], axis=2)
    return (planes * np.float32(255.0) + np.float32(0.5)).astype(np.uint8).view("<u4")[..., 0]


def _mean(first: NDArray[np.uint32], second: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Mean of packed texels, byte by byte and without unpacking: what both share plus half of what differs."""
    return (first & second) + (((first ^ second) & np.uint32(0xFEFEFEFE)) >> np.uint32(1))


def _unpack(texels: NDArray[np.uint32]) -> Floats:
    planes = np.empty((4, texels.size), np.float32)
    for channel in range(4):
        planes[channel] = (texels >> (8 * channel)) & 255
    planes *= np.float32(1.0 / 255.0)
    return planes
