"""Level camera and column caster: which surface each picture element sees, and how far away.

The camera is level, so all pixels of a picture column look along one vertical plane: one ray on the map per column
against all boxes tells everything about that column, and heights follow from similar triangles. For boxes this is
exact, not an approximation.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .noise import Floats
from .world import Boxes

SKY, GROUND = -2, -1
TOP = 4
_FACES = 5


@dataclass(frozen=True)
class Camera:
    """A level pinhole camera in a street's frame.

    Attributes:
        x: Position along the street in metres.
        y: Position across.
        z: Height above the ground.
        turn: Direction of view in radians, clockwise from +x.
        focal: Focal length in pixels.
        rows: Height of the picture.
        columns: Width of the picture.
        horizon: Row of the horizon; below the middle, as with a shifted lens, to see more facade than road.
    """

    x: float
    y: float
    z: float
    turn: float
    focal: float
    rows: int
    columns: int
    horizon: float

    @property
    def forward(self) -> tuple[float, float]:
        """Unit vector of the direction of view on the map."""
        return float(np.cos(self.turn)), float(-np.sin(self.turn))

    def rays(self) -> tuple[Floats, Floats]:
        """Map direction of every column, (columns,) each; one unit of it is one metre of depth."""
        across = (np.arange(self.columns) + 0.5 - self.columns / 2) / self.focal
        ahead_x, ahead_y = self.forward
        return (ahead_x + ahead_y * across).astype(np.float32), (ahead_y - ahead_x * across).astype(np.float32)

    def slopes(self) -> Floats:
        """Rise per metre of depth for every row, (rows,)."""
        return ((self.horizon - np.arange(self.rows) - 0.5) / self.focal).astype(np.float32)

    def row_of(self, height: float, depth: float) -> float:
        """Row (continuous, the upper edge of the picture is 0) where a height at a depth appears."""
        return self.horizon - self.focal * (height - self.z) / depth

    def rows_of(self, height: float | Floats, depth: Floats) -> Floats:
        """The same for arrays."""
        return np.float32(self.horizon) - np.float32(self.focal) * (height - np.float32(self.z)) / depth


@dataclass
class View:
    """What each pixel sees; all arrays are (rows, columns).

    Attributes:
        depth: Metres along the direction of view; infinite for the sky.
        surface: 5 * box + face, or SKY or GROUND.
    """

    depth: Floats
    surface: NDArray[np.int32]


def cast(camera: Camera, buildings: Boxes, others: Boxes) -> View:
    """Find the nearest surface of every pixel.

    Args:
        camera: Where to look from.
        buildings: Boxes from the ground to above the camera.
        others: Boxes of any height, numbered after the buildings.

    Returns:
        Depth and surface.
    """
    view = _cast_buildings(camera, buildings)
    enter, leave, face = _crossings(camera, others.bounds)
    nearest = np.where(enter < leave, enter, np.inf).min(axis=0, initial=np.inf) if len(others.bounds) else []
    for box in np.argsort(nearest):
        if np.isfinite(nearest[box]):
            surface = _FACES * (len(buildings.bounds) + int(box))
            _paint_box(camera, view, others.bounds[box], enter[:, box], leave[:, box], face[:, box], surface)
    return view


def _crossings(camera: Camera, bounds: Floats) -> tuple[Floats, Floats, NDArray[np.int32]]:
    """Depth at which each column enters and leaves each box, and by which face: (columns, boxes) each."""
    ray_x, ray_y = (np.where(np.abs(ray) < 1e-6, np.float32(1e-6), ray)[:, None] for ray in camera.rays())
    x0, x1 = ((bounds[:, side] - np.float32(camera.x)) / ray_x for side in (0, 1))
    y0, y1 = ((bounds[:, side] - np.float32(camera.y)) / ray_y for side in (2, 3))
    enter_x, enter_y = np.minimum(x0, x1), np.minimum(y0, y1)
    enter = np.maximum(enter_x, enter_y)
    leave = np.minimum(np.maximum(x0, x1), np.maximum(y0, y1))
    leave = np.where(enter > 0.1, leave, -np.inf)
    face = np.where(enter_x > enter_y, np.where(ray_x > 0, 0, 1), np.where(ray_y > 0, 2, 3))
    return enter, leave.astype(np.float32), face.astype(np.int32)


def _cast_buildings(camera: Camera, buildings: Boxes) -> View:
    """In each column the building seen at a slope is the nearest one whose top reaches that slope."""
    enter, leave, face = _crossings(camera, buildings.bounds)
    depth = np.where(enter < leave, enter, np.inf).astype(np.float32)
    order = np.argsort(depth, axis=1)
    depth = np.take_along_axis(depth, order, axis=1)
    top = np.where(np.isfinite(depth), camera.rows_of(buildings.bounds[:, 5][order], depth), camera.rows)
    first_row = np.clip(np.ceil(np.minimum.accumulate(top, axis=1) - 0.5), 0, camera.rows).astype(np.intp)
    columns, count = first_row.shape
    cells = first_row * columns + np.arange(columns)[:, None]
    starts = np.bincount(cells.ravel(), minlength=(camera.rows + 1) * columns).reshape(camera.rows + 1, columns)
    rank = count - np.cumsum(starts[: camera.rows], axis=0)
    column = np.broadcast_to(np.arange(columns), rank.shape)
    seen = np.minimum(rank, count - 1)
    depth = np.where(rank < count, depth[column, seen], np.inf)
    box = order[column, seen]
    surface = np.where(rank < count, _FACES * box + face[column, box], SKY).astype(np.int32)
    return _put_ground(camera, View(depth, surface))


def _put_ground(camera: Camera, view: View) -> View:
    slope = np.minimum(camera.slopes(), -1e-6)
    ground = (np.float32(-camera.z) / slope)[:, None]
    nearer = (ground < view.depth) & (camera.slopes() < 0)[:, None]
    return View(np.where(nearer, ground, view.depth), np.where(nearer, GROUND, view.surface).astype(np.int32))


def _paint_box(
    camera: Camera, view: View, bounds: Floats, enter: Floats, leave: Floats, face: NDArray[np.int32], surface: int
) -> None:
    """Enter one box into the view where it is nearer than what is there: its sides, then its top if seen from above."""
    hit = np.flatnonzero(enter < leave)
    columns = slice(int(hit[0]), int(hit[-1]) + 1)
    enter, leave = enter[columns], leave[columns]
    missed = enter >= leave
    side = np.where(missed, np.inf, enter).astype(np.float32)
    upper = camera.rows_of(bounds[5], side)
    lower = camera.rows_of(bounds[4], side)
    highest = upper
    if bounds[5] < camera.z:
        highest = np.where(missed, upper, camera.rows_of(bounds[5], np.where(missed, np.float32(1.0), leave)))
    first, last = int(max(0, np.floor(highest.min()))), int(min(camera.rows, np.ceil(lower.max()) + 1))
    if first >= last:
        return
    area = slice(first, last), columns
    row = np.arange(first, last)[:, None] + 0.5
    depth, seen = view.depth[area], view.surface[area]
    on_side = (row >= upper) & (row < lower) & (side < depth)
    np.copyto(depth, np.broadcast_to(side, depth.shape), where=on_side)
    np.copyto(seen, np.broadcast_to(surface + face[columns], depth.shape), where=on_side)
    if bounds[5] < camera.z:
        above = (np.float32(bounds[5] - camera.z) / np.minimum(camera.slopes(), -1e-6))[first:last, None]
        on_top = (row < upper) & (row >= highest) & (above < depth) & ~missed
        np.copyto(depth, np.broadcast_to(above, depth.shape), where=on_top)
        np.copyto(seen, np.int32(surface + TOP), where=on_top)
