"""A wall-sized picture to paint on, measured in metres."""

import numpy as np

from .noise import smooth_noise
from .style import Color
from .texture import Texture, texture_size


class Canvas:
    """Colours, glass and light-emitting parts of one surface while it is painted.

    Args:
        width: Width of the surface in metres.
        height: Height in metres.
        pixels_per_metre: Resolution.
        color: Colour that it starts with.
    """

    def __init__(self, width: float, height: float, pixels_per_metre: float, color: Color) -> None:
        shape = texture_size(height, pixels_per_metre), texture_size(width, pixels_per_metre)
        self.scale = pixels_per_metre
        self.color = np.empty((*shape, 3), np.float32)
        self.color[:] = color
        self.glass = np.zeros(shape, np.float32)
        self.ids = np.zeros(shape, np.uint8)
        self.kinds = [0]

    def new_part(self, kind: int) -> int:
        """Register a light-emitting part; returns the id to paint it with (0 when all 255 are taken)."""
        if len(self.kinds) > 255:
            return 0
        self.kinds.append(kind)
        return len(self.kinds) - 1

    def area(self, left: float, right: float, low: float, high: float) -> tuple[slice, slice]:
        """Rows and columns of a rectangle in metres, cut to the surface and at least one texel wide."""
        return self._span(low, high), self._span(left, right)

    def _span(self, start: float, stop: float) -> slice:
        first = max(0, round(start * self.scale))
        return slice(first, max(round(stop * self.scale), first + 1))

    def fill(self, left: float, right: float, low: float, high: float, color: Color) -> None:
        """Paint an opaque rectangle that neither reflects nor shines."""
        area = self.area(left, right, low, high)
        self.color[area] = color
        self.glass[area] = 0.0
        self.ids[area] = 0

    def pane(self, left: float, right: float, low: float, high: float, color: Color, part: int) -> None:
        """Paint a rectangle of glass that belongs to a light-emitting part."""
        area = self.area(left, right, low, high)
        self.color[area] = color
        self.glass[area] = 1.0
        self.ids[area] = part

    def shade(self, left: float, right: float, low: float, high: float, factor: float) -> None:
        """Darken (factor < 1) or lighten what is painted in a rectangle."""
        self.color[self.area(left, right, low, high)] *= factor

    def relief(self, left: float, right: float, low: float, high: float, color: Color) -> None:
        """Paint a rectangle that stands out: a light upper edge and a shadow below."""
        line = 1.0 / self.scale
        self.shade(left, right, low - 2.5 * line, low, 0.72)
        self.fill(left, right, low, high, color)
        self.shade(left, right, high - line, high, 1.15)

    def speckle(self, rng: np.random.Generator, cell: float, strength: float) -> None:
        """Vary the brightness smoothly, with blots of about `cell` metres."""
        size = max(1.0, cell * self.scale)
        shape = self.glass.shape
        self.color *= 1.0 + strength * (2.0 * smooth_noise(rng, shape, (size, size)) - 1.0)[..., None]

    def finish(self) -> Texture:
        """The finished texture."""
        return Texture(np.clip(self.color, 0.0, 1.0), self.glass, self.ids, self.kinds, self.scale)
