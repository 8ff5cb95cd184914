"""How many streets, places and pictures the city has, and from where each picture is taken."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .style import DISTRICTS

Kind = Literal["database", "queries", "queries_night"]

PLACE_SPACING = 8.0
_GRID_COLUMNS, _GRID_SPACING = 30, 2000.0
_FIRST_EAST, _FIRST_NORTH = 425_000.0, 4_950_000.0
_SPLIT_SPACING = 65_000.0
_RECORDED_SIGMA = 0.7  # metres along each axis, so about 1 m in all
# What a random generator is for; part of its seed, so that the draws do not depend on each other.
_SITE, _STREET, _DATABASE, _QUERY, _NIGHT, _PAIR = range(6)


@dataclass(frozen=True)
class SplitPlan:
    """Size of one split: its streets, and what each of them has."""

    name: str
    streets: int
    places: int
    queries: int
    night: bool


@dataclass(frozen=True)
class CityPlan:
    """Size of a city.

    Attributes:
        splits: The splits; their order is part of the random seed.
        headings: Database pictures of each place.
        rows: Height of the pictures in pixels, a multiple of 8.
        columns: Width of the pictures in pixels, a multiple of 8.
    """

    splits: tuple[SplitPlan, ...]
    headings: int = 4
    rows: int = 240
    columns: int = 320

    @property
    def images(self) -> int:
        """Number of pictures in the whole city."""
        return sum(
            split.streets * (split.places * self.headings + split.queries * (1 + split.night)) for split in self.splits
        )


def default_plan(scale: int) -> CityPlan:
    """The city that users get: about 2,200 pictures for each unit of scale."""
    return CityPlan(
        (
            SplitPlan("train", 9 * scale, places=11, queries=33, night=False),
            SplitPlan("val", 6 * scale, places=12, queries=20, night=True),
            SplitPlan("test", 9 * scale, places=12, queries=28, night=True),
        )
    )


@dataclass(frozen=True)
class Site:
    """Where a street lies: UTM position of its middle, compass bearing of its x axis in degrees, and its style."""

    split: int
    street: int
    east: float
    north: float
    bearing: float
    district: int
    half_length: float

    def to_utm(self, x: float, y: float) -> tuple[float, float]:
        """Easting and northing of a point in the street's frame."""
        sine, cosine = np.sin(np.radians(self.bearing)), np.cos(np.radians(self.bearing))
        return float(self.east + x * sine - y * cosine), float(self.north + x * cosine + y * sine)


@dataclass(frozen=True)
class Shot:
    """One picture to take.

    Attributes:
        kind: Folder of its split.
        pano: Identity of the visit to the place; the day and the night twin of a query share it.
        tile: Number of the heading within the visit.
        index: Number of the place or query within its street.
        x: True camera position along the street in metres.
        y: And across.
        heading: Compass heading in degrees.
        recorded_east: Easting that the file name tells, with its error.
        recorded_north: Northing that the file name tells.
        timestamp: YYYYMMDD_hhmmss.
    """

    kind: Kind
    pano: str
    tile: int
    index: int
    x: float
    y: float
    heading: float
    recorded_east: float
    recorded_north: float
    timestamp: str


def generator(seed: int, site: Site, purpose: str, *index: int) -> np.random.Generator:
    """The generator for one purpose ("street", "database", "queries", "queries_night" or "pairs") in one street."""
    numbers = {"street": _STREET, "database": _DATABASE, "queries": _QUERY, "queries_night": _NIGHT, "pairs": _PAIR}
    number = numbers[purpose]
    return np.random.default_rng([seed, site.split, site.street, number, *index])


def find_site(plan: CityPlan, seed: int, split: int, street: int) -> Site:
    """Where a street of the plan lies: splits and streets are kilometres apart."""
    rng = np.random.default_rng([seed, split, street, _SITE])
    row, column = divmod(street, _GRID_COLUMNS)
    return Site(
        split=split,
        street=street,
        east=_FIRST_EAST + split * _SPLIT_SPACING + column * _GRID_SPACING + rng.uniform(-400, 400),
        north=_FIRST_NORTH + row * _GRID_SPACING + rng.uniform(-400, 400),
        bearing=rng.uniform(0, 360),
        district=(street + 2 * split) % len(DISTRICTS),
        half_length=(plan.splits[split].places - 1) * PLACE_SPACING / 2,
    )


def plan_shots(plan: CityPlan, seed: int, site: Site) -> Iterator[Shot]:
    """All pictures of one street: database, queries, and the queries again by night."""
    split = plan.splits[site.split]
    for place in range(split.places):
        yield from _database_shots(plan, seed, site, place)
    for query in range(split.queries):
        yield from _query_shots(plan, seed, site, query)


def _place_turns(plan: CityPlan, place: int) -> list[float]:
    """Headings of a place relative to its street: along it obliquely, and at the next place half a step on."""
    step = 360.0 / plan.headings
    return [20.0 + step * (tile + 0.5 * (place % 2)) for tile in range(plan.headings)]


def _place_x(site: Site, place: int) -> float:
    return place * PLACE_SPACING - site.half_length


def _database_shots(plan: CityPlan, seed: int, site: Site, place: int) -> Iterator[Shot]:
    rng = generator(seed, site, "database", place)
    split = plan.splits[site.split]
    x, y = _place_x(site, place) + rng.uniform(-0.5, 0.5), rng.uniform(-0.4, 0.4)
    east, north = _record(rng, site, x, y)
    number = site.street * split.places + place
    minute = 13 * 60 + number % 60
    for tile, turn in enumerate(_place_turns(plan, place)):
        heading = (site.bearing + turn) % 360
        time = f"20240612_{minute // 60:02d}{minute % 60:02d}{4 * tile:02d}"
        yield Shot("database", f"{split.name}-d{number:04d}", tile, place, x, y, heading, east, north, time)


def _query_shots(plan: CityPlan, seed: int, site: Site, query: int) -> Iterator[Shot]:
    rng = generator(seed, site, "queries", query)
    split = plan.splits[site.split]
    place = int(rng.integers(split.places))
    x, y = _place_x(site, place) + rng.uniform(-4.5, 4.5), float(np.clip(rng.normal(0.0, 0.9), -2.0, 2.0))
    turns = _place_turns(plan, place)
    tile = int(rng.integers(plan.headings))
    heading = (site.bearing + turns[tile] + float(np.clip(rng.normal(0.0, 9.0), -25.0, 25.0))) % 360
    east, north = _record(rng, site, x, y)
    number = site.street * split.queries + query
    month, day = 1 + number % 12, int(rng.integers(1, 29))
    date = f"2025{month:02d}{day:02d}"
    day_time = f"{rng.integers(9, 17):02d}{rng.integers(60):02d}{rng.integers(60):02d}"
    night_time = f"{rng.integers(22, 24):02d}{rng.integers(60):02d}{rng.integers(60):02d}"
    pano = f"{split.name}-q{number:04d}"
    yield Shot("queries", pano, tile, query, x, y, heading, east, north, f"{date}_{day_time}")
    if split.night:
        yield Shot("queries_night", pano, tile, query, x, y, heading, east, north, f"{date}_{night_time}")


def _record(rng: np.random.Generator, site: Site, x: float, y: float) -> tuple[float, float]:
    """The position that a receiver would note: the true one with an error."""
    east, north = site.to_utm(x, y)
    return east + rng.normal(0, _RECORDED_SIGMA), north + rng.normal(0, _RECORDED_SIGMA)
