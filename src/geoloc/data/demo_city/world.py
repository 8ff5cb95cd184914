"""What stands where in one street.

A street has its own frame: x runs along it, y to the left of x, z upwards, the origin in the middle of the
carriageway. All walls are parallel to x or y, so that every solid thing is a stack of axis-parallel boxes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .ground import GroundPlan
from .sprites import Sprite
from .texture import TextureAtlas
from .vehicles import VehicleShape

SKYLINE_STEP = 0.5


@dataclass(frozen=True)
class PlacedSprite:
    """A sprite that stands at (x, y), enlarged by `size`."""

    sprite: Sprite
    x: float
    y: float
    size: float = 1.0


@dataclass
class Boxes:
    """Axis-parallel boxes.

    Attributes:
        bounds: (B, 6) x0, x1, y0, y1, z0, z1 in metres.
        textures: (B, 5) texture number of the faces -x, +x, -y, +y and top.
    """

    bounds: NDArray[np.float32]
    textures: NDArray[np.intp]

    @staticmethod
    def of(bounds: list[NDArray[np.float64]], textures: list[NDArray[np.intp]]) -> "Boxes":
        """Stack lists of (k, 6) bounds and (k, 5) texture numbers."""
        if not bounds:
            return Boxes(np.zeros((0, 6), np.float32), np.zeros((0, 5), np.intp))
        return Boxes(np.concatenate(bounds).astype(np.float32), np.concatenate(textures).astype(np.intp))


@dataclass
class Street:
    """A finished street.

    Attributes:
        half_length: Cameras stand at -half_length..half_length along x, in metres.
        ground: Measures of the ground; its texture is number `ground_texture` of the atlas.
        buildings: Boxes that reach from the ground to above the camera.
        skylines: Height of the roofs along x for the sides y < 0 and y > 0, one value each SKYLINE_STEP metres
            from -ground.reach on; 0 in gaps.
        sprites: What stands there on every visit.
        lamps: (L, 3) positions of the street lamps' lights.
        shops: (S, 4) x, y of shop fronts, their texture number and their length in metres.
        vehicles: The kinds of vehicles met here, with texture numbers of the atlas.
        people: The people met here.
    """

    half_length: float
    ground: GroundPlan
    ground_texture: int
    atlas: TextureAtlas
    buildings: Boxes
    skylines: NDArray[np.float32]
    sprites: list[PlacedSprite]
    lamps: NDArray[np.float32]
    shops: NDArray[np.float32]
    vehicles: list[VehicleShape]
    people: list[Sprite]
