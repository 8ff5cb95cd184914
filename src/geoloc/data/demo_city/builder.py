"""Builds a street: rows of houses, side streets, buildings behind, trees, lamps and street furniture."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .facade import paint_front, paint_side
from .ground import GroundPlan, paint_ground
from .roof import paint_roof
from .sprites import draw_furniture, draw_lamp_post, draw_person, draw_tree
from .style import DISTRICTS, District, Facade, draw_facade
from .texture import Texture, TextureAtlas
from .vehicles import VehicleShape, draw_vehicle
from .world import SKYLINE_STEP, Boxes, PlacedSprite, Street

_BEYOND = 75.0  # metres of street that are built beyond the stretch where cameras stand
_BREADTH = 24.0
_VEHICLES, _PEOPLE, _TREES, _FURNITURE = 14, 16, 4, 8


def build_street(rng: np.random.Generator, district: int, half_length: float) -> Street:
    """Build one street.

    Args:
        rng: Source of everything that is random in it.
        district: Index of the prevailing style in `DISTRICTS`.
        half_length: Half of the length in which cameras stand, in metres.

    Returns:
        The street with its painted textures.
    """
    return _Builder(rng, district, half_length).finish()


class _Builder:
    def __init__(self, rng: np.random.Generator, district: int, half_length: float) -> None:
        self.rng = rng
        self.district = district
        self.half_length = half_length
        self.reach = half_length + _BEYOND
        self.ground = self._plan_ground()
        self.textures: list[Texture] = []
        self.bounds: list[NDArray[np.float64]] = []
        self.faces: list[NDArray[np.intp]] = []
        self.shops: list[tuple[float, float, float, float]] = []
        self.skylines = np.zeros((2, int(2 * self.reach / SKYLINE_STEP) + 1), np.float32)

    def finish(self) -> Street:
        for side in (-1, 1):
            self._build_row(side)
            self._build_back_row(side)
        self._close_ends()
        sprites, lamps = self._furnish()
        vehicles = [self._add_vehicle() for _ in range(_VEHICLES)]
        ground_texture = self._add(paint_ground(self.rng, self.ground))
        return Street(
            half_length=self.half_length,
            ground=self.ground,
            ground_texture=ground_texture,
            atlas=TextureAtlas(self.textures),
            buildings=Boxes.of(self.bounds, self.faces),
            skylines=self.skylines,
            sprites=sprites,
            lamps=lamps,
            shops=np.array(self.shops, np.float32).reshape(-1, 4),
            vehicles=vehicles,
            people=[draw_person(self.rng) for _ in range(_PEOPLE)],
        )

    def _plan_ground(self) -> GroundPlan:
        rng = self.rng
        road = rng.uniform(3.6, 5.4)
        gaps = []
        for side in (-1, 1):
            for part in range(int(rng.integers(0, 3))):
                start = (-0.8 + 0.8 * part + rng.uniform(0, 0.6)) * self.half_length
                gaps.append((side, start, start + rng.uniform(7, 11)))
        zebras = tuple(rng.uniform(-0.9, 0.9, int(rng.integers(0, 3))) * self.half_length)
        line = road + rng.uniform(2.0, 4.0)
        return GroundPlan(self.reach, _BREADTH, road, line, tuple(gaps), zebras, bool(rng.random() < 0.6))

    def _add(self, texture: Texture) -> int:
        self.textures.append(texture)
        return len(self.textures) - 1

    def _style(self) -> District:
        """Mostly the street's own style, now and then another one: streets look alike and are not uniform."""
        other = self.rng.random() < 0.25
        return DISTRICTS[int(self.rng.integers(len(DISTRICTS))) if other else self.district]

    def _build_row(self, side: int) -> None:
        gaps = [(start, stop) for gap_side, start, stop in self.ground.gaps if gap_side == side]
        x = -self.reach
        while x < self.reach:
            open_gap = next((stop for start, stop in gaps if start <= x < stop), None)
            if open_gap is not None:
                x = open_gap
                continue
            style = self._style()
            stop = x + self.rng.uniform(*style.width)
            stop = min([stop, *(start for start, _ in gaps if x < start < stop + 3.0)])
            if stop - x > 2.0:
                self._build_house(side, x, stop, style)
            x = stop

    def _build_house(self, side: int, start: float, stop: float, style: District) -> None:
        rng = self.rng
        facade = draw_facade(rng, style, stop - start)
        near = abs(start) < self.half_length + 25
        front = self._add(paint_front(rng, facade, 16.0 if near else 8.0))
        depth = rng.uniform(9.0, 12.0)
        flank = self._add(paint_side(rng, facade, depth, 8.0))
        setback = float(rng.choice([0.0, 0.0, 0.0, 0.3, 0.8, 1.6]))
        line = self.ground.facade_line + setback
        self._add_box(side, start, stop, line, depth, facade.height, front, flank)
        top = facade.height
        if rng.random() < style.attics:
            top += rng.uniform(1.4, 2.8)
            roof = self._add(paint_roof(rng, stop - start - 0.3, top, facade.height, 8.0))
            self._add_box(side, start + 0.15, stop - 0.15, line + 0.9, depth - 1.5, top, roof, roof)
        if facade.ground == "shop":
            self.shops.append(((start + stop) / 2, side * (line - 0.6), front, stop - start))
        cells = (np.array([start, stop]) + self.reach) / SKYLINE_STEP
        self.skylines[(side + 1) // 2, max(0, int(cells[0])) : int(cells[1]) + 1] = top

    def _add_box(
        self, side: int, start: float, stop: float, line: float, depth: float, height: float, front: int, flank: int
    ) -> None:
        low, high = (line, line + depth) if side > 0 else (-line - depth, -line)
        self.bounds.append(np.array([[start, stop, low, high, 0.0, height]]))
        faces = [flank, flank, front, flank, flank] if side > 0 else [flank, flank, flank, front, flank]
        self.faces.append(np.array([faces]))

    def _build_back_row(self, side: int) -> None:
        """Taller buildings behind, seen over the roofs, and one that closes the view through each gap."""
        rng = self.rng
        places = [(x + rng.uniform(-10, 10), rng.uniform(14, 32), rng.uniform(8, 18)) for x in range(-90, 91, 45)]
        places += [((start + stop) / 2, 0.0, 26.0) for gap_side, start, stop in self.ground.gaps if gap_side == side]
        for center, height, width in places:
            if self.rng.random() < 0.4 and height:
                continue
            facade = draw_facade(rng, self._style(), width)
            front = self._add(paint_front(rng, self._raised(facade, height), 8.0))
            line = self.ground.facade_line + rng.uniform(20.0, 34.0)
            top = max(height, facade.height)
            self._add_box(side, center - width / 2, center + width / 2, line, 10.0, top, front, front)

    @staticmethod
    def _raised(facade: Facade, height: float) -> Facade:
        """The same facade with floors added up to a height."""
        if facade.height >= height:
            return facade
        floors = facade.floors + int(np.ceil((height - facade.height) / facade.floor_height))
        balconies = facade.balconies + (False,) * (floors - facade.floors)
        return replace(facade, floors=floors, height=height, balconies=balconies)

    def _close_ends(self) -> None:
        """A building across each end, so that the view along the street has a landmark."""
        for side in (-1, 1):
            facade = draw_facade(self.rng, self._style(), self.rng.uniform(24.0, 34.0))
            front = self._add(paint_front(self.rng, facade, 8.0))
            near = self.reach - self.rng.uniform(0.0, 30.0)
            low, high = sorted((side * near, side * (near + 12.0)))
            half = facade.width / 2
            self.bounds.append(np.array([[low, high, -half, half, 0.0, facade.height]]))
            self.faces.append(np.array([[front] * 5]))

    def _furnish(self) -> tuple[list[PlacedSprite], NDArray[np.float32]]:
        rng, ground = self.rng, self.ground
        sprites: list[PlacedSprite] = []
        lamps: list[tuple[float, float, float]] = []
        kerb = ground.road + 0.5
        height = rng.uniform(4.2, 6.5)
        post = draw_lamp_post(rng, height)
        spacing = rng.uniform(18.0, 26.0)
        trees = [draw_tree(rng) for _ in range(_TREES)]
        for side in (-1, 1):
            for x in np.arange(-self.reach + rng.uniform(0, spacing), self.reach, spacing):
                sprites.append(PlacedSprite(post, float(x), side * kerb))
                lamps.append((float(x), side * (kerb - 0.2), height))
            if rng.random() < 0.5:
                distance = rng.uniform(7.0, 13.0)
                for x in np.arange(-self.reach, self.reach, distance) + rng.uniform(-1.5, 1.5):
                    if rng.random() < 0.75:
                        tree = trees[int(rng.integers(_TREES))]
                        sprites.append(
                            PlacedSprite(
                                tree, float(x + rng.uniform(-1, 1)), side * (kerb + 0.3), rng.uniform(0.7, 1.1)
                            )
                        )
        furniture = [draw_furniture(rng) for _ in range(_FURNITURE)]
        for _ in range(int(self.reach / 4)):
            piece = furniture[int(rng.integers(_FURNITURE))]
            across = rng.choice([kerb + 0.1, ground.facade_line - 0.5])
            sprites.append(
                PlacedSprite(piece, rng.uniform(-self.reach, self.reach), float(rng.choice([-1, 1]) * across))
            )
        return sprites, np.array(lamps, np.float32)

    def _add_vehicle(self) -> VehicleShape:
        shape, textures = draw_vehicle(self.rng)
        first = len(self.textures)
        self.textures += textures
        return VehicleShape(shape.boxes, shape.textures + first, shape.length, shape.width)
