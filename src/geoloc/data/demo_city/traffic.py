"""What changes between visits: parked and moving vehicles and people."""

from dataclasses import dataclass

import numpy as np

from .world import Boxes, PlacedSprite, Street

_SLOT = 5.6  # metres of kerb for one parked vehicle


@dataclass
class Visit:
    """The movable things of one visit.

    Attributes:
        boxes: Vehicle boxes.
        sprites: People.
        footprints: (V, 4) x0, x1, y0, y1 of the vehicles, for the shade below them.
        driving: Their number of moving vehicles; these come first and have their lights on at night.
    """

    boxes: Boxes
    sprites: list[PlacedSprite]
    footprints: np.ndarray
    driving: int


def draw_visit(
    rng: np.random.Generator, street: Street, eye: tuple[float, float], *, parked: float, driving: float, people: float
) -> Visit:
    """Draw the traffic of one visit.

    Args:
        rng: Source of randomness.
        street: Where.
        eye: Camera position x, y; nothing stands within a few metres of it.
        parked: Share of the kerb that is occupied, 0..1.
        driving: Expected number of moving vehicles within sight.
        people: Expected number of people near the camera.

    Returns:
        The visit.
    """
    traffic = _Traffic(rng, street, eye)
    lane = 0.5 * street.ground.road - 0.4
    for _ in range(int(rng.poisson(driving))):
        side = int(rng.choice([-1, 1]))
        traffic.put_vehicle(eye[0] + rng.uniform(-45, 45), side * lane * rng.uniform(0.7, 1.0), backwards=side > 0)
    moving = len(traffic.footprints)
    for side in (-1, 1):
        kerb = street.ground.road - 1.1
        for x in np.arange(eye[0] - 50, eye[0] + 50, _SLOT):
            if rng.random() < parked and not _in_gap(street, side, x):
                traffic.put_vehicle(x + rng.uniform(-0.5, 0.5), side * kerb, backwards=bool(rng.random() < 0.5))
    for _ in range(int(rng.poisson(people))):
        traffic.put_person()
    return Visit(
        Boxes.of(traffic.bounds, traffic.faces),
        traffic.people,
        np.array(traffic.footprints, np.float32).reshape(-1, 4),
        moving,
    )


def _in_gap(street: Street, side: int, x: float) -> bool:
    return any(gap_side == side and start - 3 < x < stop + 3 for gap_side, start, stop in street.ground.gaps)


class _Traffic:
    def __init__(self, rng: np.random.Generator, street: Street, eye: tuple[float, float]) -> None:
        self.rng, self.street, self.eye = rng, street, eye
        self.bounds: list[np.ndarray] = []
        self.faces: list[np.ndarray] = []
        self.footprints: list[tuple[float, float, float, float]] = []
        self.people: list[PlacedSprite] = []

    def put_vehicle(self, x: float, y: float, *, backwards: bool) -> None:
        """Place a random vehicle unless it would stand on the camera or in another one."""
        shape = self.street.vehicles[int(self.rng.integers(len(self.street.vehicles)))]
        half, wide = shape.length / 2, shape.width / 2
        if abs(x - self.eye[0]) < half + 1.5 and abs(y - self.eye[1]) < wide + 0.8:
            return
        if any(
            x - half < right and left < x + half and y - wide < high and low < y + wide
            for left, right, low, high in self.footprints
        ):
            return
        boxes, faces = shape.boxes.copy(), shape.textures
        if backwards:
            boxes[:, [0, 1]] = -boxes[:, [1, 0]]
            faces = faces[:, [1, 0, 2, 3, 4]]
        boxes[:, 0:2] += x
        boxes[:, 2:4] += y
        self.bounds.append(boxes)
        self.faces.append(faces)
        self.footprints.append((x - half, x + half, y - wide, y + wide))

    def put_person(self) -> None:
        """Place a person, mostly on a pavement and sometimes on the road."""
        rng, ground = self.rng, self.street.ground
        walk = rng.uniform(ground.road + 0.3, ground.facade_line - 0.3) * rng.choice([-1, 1])
        y = float(walk if rng.random() < 0.75 else rng.uniform(-ground.road, ground.road))
        x = float(self.eye[0] + rng.uniform(-22, 22))
        if np.hypot(x - self.eye[0], y - self.eye[1]) > 1.8:
            self.people.append(PlacedSprite(self.street.people[int(rng.integers(len(self.street.people)))], x, y))
