"""Small pictures with transparency for what is not a box: trees, lamp posts, street furniture and people."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .noise import smooth_noise

_PIXELS_PER_METRE = 32
_CLOTHES = [
    "2b2f3a",
    "5a2d2d",
    "3b5270",
    "8a8a86",
    "c9bda5",
    "1f1f22",
    "6a7f4f",
    "b04a3a",
    "d8d4cc",
    "40566b",
    "7b5b8a",
    "c79a3a",
]
_SKIN = ("e0b793", "c68d64", "8a5a3c", "f0cbb0")
_PAINTS = ("8c2f2a", "2e4f7a", "d8a72e", "3c6b45", "e4e0d6", "56585c", "b55b2a")


@dataclass
class Sprite:
    """An upright picture that always faces the camera.

    Attributes:
        levels: (rows, columns, 4) uint8 pictures, each half as large as the one before; row 0 is the top.
        width: Width in metres.
        height: Height in metres.
    """

    levels: list[NDArray[np.uint8]]
    width: float
    height: float


def _sprite(image: Image.Image, width: float, height: float) -> Sprite:
    levels = [image]
    while min(levels[-1].size) > 8:
        last = levels[-1]
        levels.append(last.resize((last.width // 2, last.height // 2), Image.Resampling.BOX))
    return Sprite([np.asarray(level) for level in levels], width, height)


class _Sketch:
    """Drawing with metres from the foot's centre, height upwards."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.image = Image.new("RGBA", (int(width * _PIXELS_PER_METRE), int(height * _PIXELS_PER_METRE)))
        self.draw = ImageDraw.Draw(self.image)

    def box(self, center: float, half: float, low: float, high: float, color: str) -> None:
        self.draw.rectangle(self._place(center - half, center + half, low, high), fill="#" + color)

    def oval(self, center: float, half: float, low: float, high: float, color: str) -> None:
        self.draw.ellipse(self._place(center - half, center + half, low, high), fill="#" + color)

    def _place(self, left: float, right: float, low: float, high: float) -> tuple[float, float, float, float]:
        scale = _PIXELS_PER_METRE
        middle, foot = self.width / 2 * scale, self.height * scale
        start, top = middle + left * scale, foot - high * scale
        return start, top, max(start, middle + right * scale - 1), max(top, foot - low * scale - 1)

    def sprite(self) -> Sprite:
        return _sprite(self.image, self.width, self.height)


def draw_tree(rng: np.random.Generator) -> Sprite:
    """A tree: a trunk with branches under a crown of noisy blobs, lighter on top."""
    height, width = rng.uniform(5.0, 8.5), rng.uniform(3.0, 5.0)
    rows, columns = int(height * _PIXELS_PER_METRE), int(width * _PIXELS_PER_METRE)
    v, u = np.mgrid[0:rows, 0:columns].astype(np.float32)
    v, u = v / rows, u / columns
    crown = np.full((rows, columns), -1.0, np.float32)
    share = rng.uniform(0.6, 0.75)
    for _ in range(int(rng.integers(6, 11))):
        center_u, center_v = rng.uniform(0.3, 0.7), rng.uniform(0.25 * share, 0.8 * share)
        radius = rng.uniform(0.16, 0.3)
        distance = ((u - center_u) / radius) ** 2 + ((v - center_v) / (radius * width / height * 1.2)) ** 2
        crown = np.maximum(crown, 1.0 - distance)
    leaves = smooth_noise(rng, (rows, columns), (7, 7))
    fine = smooth_noise(rng, (rows, columns), (3, 3))
    opaque = crown + 1.3 * (leaves - 0.5) + 0.6 * (fine - 0.5) > 0.1
    trunk = (np.abs(u - 0.5) < rng.uniform(0.02, 0.035) * (0.7 + 0.6 * v)) & (v > 0.3)
    green = np.array([rng.uniform(0.2, 0.38), rng.uniform(0.34, 0.46), rng.uniform(0.1, 0.2)])
    picture = np.zeros((rows, columns, 4), np.float32)
    picture[trunk] = (0.3, 0.25, 0.2, 1.0)
    picture[opaque, :3] = green * (0.45 + 0.5 * leaves + 0.35 * (1 - v / share) + 0.3 * (fine - 0.5))[opaque, None]
    picture[opaque, 3] = 1.0
    return _sprite(Image.fromarray((np.clip(picture, 0, 1) * 255).astype(np.uint8), "RGBA"), width, height)


def draw_lamp_post(rng: np.random.Generator, height: float) -> Sprite:
    """A street lamp; its light hangs at `height` metres."""
    sketch = _Sketch(1.2, height + 0.5)
    color = str(rng.choice(["2c2f30", "54585a", "31473c", "7a7c7c"]))
    sketch.box(0, 0.06, 0, height, color)
    sketch.box(0, 0.11, 0, 0.9, color)
    if rng.random() < 0.5:
        sketch.oval(0, 0.26, height - 0.15, height + 0.4, "e8e4d4")
        sketch.box(0, 0.2, height + 0.3, height + 0.45, color)
    else:
        sketch.box(0, 0.5, height, height + 0.12, color)
        sketch.box(0, 0.45, height - 0.08, height, "e8e4d4")
    return sketch.sprite()


def draw_furniture(rng: np.random.Generator) -> Sprite:
    """One piece of street furniture of a random kind."""
    kinds = (_sign_post, _sign_post, _bollard, _post_box, _advertising_column, _planter, _cabinet, _clock)
    return kinds[int(rng.integers(len(kinds)))](rng)


def _paint(rng: np.random.Generator) -> str:
    return str(rng.choice(_PAINTS))


def _sign_post(rng: np.random.Generator) -> Sprite:
    sketch = _Sketch(0.9, 2.9)
    sketch.box(0, 0.035, 0, 2.8, "8d9092")
    low = rng.uniform(1.9, 2.1)
    if rng.random() < 0.5:
        sketch.oval(0, 0.35, low, low + 0.7, _paint(rng))
        sketch.oval(0, 0.24, low + 0.11, low + 0.59, str(rng.choice(["f2f0ea", "2b5ca8"])))
    else:
        sketch.box(0, 0.33, low, low + 0.7, _paint(rng))
        sketch.box(0, 0.2, low + 0.2, low + 0.5, "f2f0ea")
    return sketch.sprite()


def _bollard(rng: np.random.Generator) -> Sprite:
    sketch = _Sketch(0.3, 1.0)
    sketch.box(0, 0.1, 0, 0.9, _paint(rng))
    sketch.box(0, 0.1, 0.65, 0.8, "e8e4d8")
    sketch.oval(0, 0.12, 0.85, 1.0, "3a3c3e")
    return sketch.sprite()


def _post_box(rng: np.random.Generator) -> Sprite:
    sketch = _Sketch(0.8, 1.6)
    color = _paint(rng)
    sketch.box(0, 0.3, 0.15, 1.4, color)
    sketch.oval(0, 0.3, 1.2, 1.58, color)
    sketch.box(0, 0.34, 0, 0.15, "2c2c2e")
    sketch.box(0, 0.2, 1.15, 1.22, "141414")
    sketch.box(0, 0.16, 0.75, 1.0, "ece8dc")
    return sketch.sprite()


def _advertising_column(rng: np.random.Generator) -> Sprite:
    sketch = _Sketch(1.5, 3.4)
    sketch.box(0, 0.62, 0, 3.0, "6c6f70")
    for row in range(3):
        for column in (-1, 0, 1):
            if rng.random() < 0.85:
                low = 0.4 + 0.85 * row + rng.uniform(0, 0.1)
                sketch.box(0.4 * column, 0.18, low, low + rng.uniform(0.5, 0.75), _paint(rng))
    sketch.oval(0, 0.72, 2.9, 3.38, str(rng.choice(["31473c", "3a3c3e", "7a6a4a"])))
    return sketch.sprite()


def _planter(rng: np.random.Generator) -> Sprite:
    sketch = _Sketch(1.5, 1.5)
    for _ in range(14):
        low = rng.uniform(0.4, 0.9)
        leaf = str(rng.choice(["3f6a2c", "567a36", "2f5526"]))
        sketch.oval(rng.uniform(-0.45, 0.45), rng.uniform(0.12, 0.25), low, low + 0.4, leaf)
    for _ in range(8):
        low = rng.uniform(0.7, 1.2)
        sketch.oval(rng.uniform(-0.5, 0.5), 0.06, low, low + 0.12, _paint(rng))
    sketch.box(0, 0.6, 0, 0.55, str(rng.choice(["8f8a80", "7b4f38", "55585a"])))
    return sketch.sprite()


def _cabinet(rng: np.random.Generator) -> Sprite:
    sketch = _Sketch(1.3, 1.4)
    sketch.box(0, 0.6, 0, 1.3, str(rng.choice(["7d8a7c", "8f9192", "a79f8c"])))
    sketch.box(0, 0.01, 0.1, 1.25, "4a4c4c")
    for _ in range(int(rng.integers(0, 4))):
        low = rng.uniform(0.3, 0.9)
        sketch.box(rng.uniform(-0.4, 0.4), 0.13, low, low + 0.3, _paint(rng))
    return sketch.sprite()


def _clock(rng: np.random.Generator) -> Sprite:
    sketch = _Sketch(0.9, 3.9)
    color = _paint(rng)
    sketch.box(0, 0.07, 0, 3.2, color)
    sketch.oval(0, 0.42, 3.0, 3.85, color)
    sketch.oval(0, 0.34, 3.08, 3.77, "f4f1e6")
    sketch.box(0, 0.02, 3.42, 3.7, "111111")
    return sketch.sprite()


def draw_person(rng: np.random.Generator) -> Sprite:
    """A standing or walking person."""
    height = rng.uniform(1.55, 1.9)
    sketch = _Sketch(0.9, height)
    legs, coat = (str(color) for color in rng.choice(_CLOTHES, 2))
    stride = rng.uniform(0.04, 0.16)
    for side in (-1, 1):
        sketch.box(side * stride, 0.075, 0, 0.5 * height, legs)
        sketch.box(side * (0.24 + rng.uniform(0, 0.06)), 0.055, 0.46 * height, 0.8 * height, coat)
    hem = rng.uniform(0.3, 0.5)
    sketch.oval(0, 0.24, 0.7 * height, 0.86 * height, coat)
    sketch.box(0, 0.22, hem * height, 0.8 * height, coat)
    sketch.oval(0, 0.105, 0.855 * height, height, str(rng.choice(_SKIN)))
    sketch.oval(0, 0.115, 0.93 * height, height, str(rng.choice(["2a201a", "5a4028", "a58a5a", "777777"])))
    if rng.random() < 0.4:
        sketch.box(rng.choice([-0.3, 0.3]), 0.11, 0.35 * height, 0.55 * height, str(rng.choice(_CLOTHES)))
    return sketch.sprite()
