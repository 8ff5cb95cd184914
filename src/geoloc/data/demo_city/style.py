"""District styles and the choices that fix the look of one facade."""

from dataclasses import dataclass

import numpy as np

Color = tuple[float, float, float]


def _color(code: str) -> Color:
    red, green, blue = (int(code[start : start + 2], 16) / 255.0 for start in (0, 2, 4))
    return red, green, blue


def _colors(codes: str) -> list[Color]:
    return [_color(code) for code in codes.split()]


@dataclass(frozen=True)
class District:
    """What the buildings of a district share."""

    materials: tuple[str, ...]
    walls: list[Color]
    trims: list[Color]
    accents: list[Color]
    floors: tuple[int, int]
    floor_height: tuple[float, float]
    width: tuple[float, float]
    window_share: tuple[float, float]
    shops: float
    shutters: float
    balconies: float
    arches: float
    attics: float


_TRIMS = _colors("e8e4da d8d2c4 c9c4b8 f1efe9 b9b0a0")
_DARK_TRIMS = _colors("e6e2d8 6e6a66 48484a c8c0b0 94897c")
_ACCENTS = _colors("2f5d50 7a2e2b 2c4a6e 5b4632 8a8f91 3d3d40 b0762f 456b3a 93a7b5 d9d3c3")

DISTRICTS = (
    District(  # brick terraces
        ("brick", "brick", "brick", "plaster"),
        _colors("8e4a38 7a3d30 a05c42 b07a55 93705a 6b4035 c2a27a 5e4a45"),
        _TRIMS,
        _ACCENTS,
        (2, 4),
        (2.9, 3.4),
        (5.5, 10.0),
        (0.34, 0.5),
        0.3,
        0.05,
        0.1,
        0.4,
        0.5,
    ),
    District(  # plaster old town
        ("plaster",),
        _colors("d9b27a c98f6b e3cfa4 d8a9a0 b9c1a6 a9b7c2 e6dfd0 c7783f b55f4c d3c07c 8fa3a0 c9b8a8"),
        _TRIMS,
        _ACCENTS,
        (3, 5),
        (3.0, 3.6),
        (6.0, 12.0),
        (0.28, 0.42),
        0.4,
        0.65,
        0.25,
        0.25,
        0.5,
    ),
    District(  # limestone boulevards
        ("ashlar", "ashlar", "plaster"),
        _colors("cdbf9f d8ccb0 b9ac92 c4b6a0 a89f90 dcd4c2 b3a488 9d9484"),
        _TRIMS,
        _ACCENTS,
        (4, 6),
        (3.2, 3.8),
        (9.0, 17.0),
        (0.32, 0.46),
        0.55,
        0.15,
        0.7,
        0.3,
        0.9,
    ),
    District(  # post-war and modern blocks
        ("panels", "panels", "plaster", "brick"),
        _colors("a5a6a3 8b8f92 c8c8c2 6f757b b7a690 94604a d9d9d6 5d6b66 7e8c9a"),
        _DARK_TRIMS,
        _ACCENTS,
        (3, 7),
        (2.8, 3.2),
        (9.0, 20.0),
        (0.45, 0.8),
        0.45,
        0.05,
        0.45,
        0.0,
        0.25,
    ),
    District(  # clapboard and painted houses
        ("boards", "boards", "plaster"),
        _colors("b23a2e d7b24c e9e5d8 5a7f92 7d9a76 a6653c 8c8f8a c8d0cf 4f6157 d59a86"),
        _TRIMS,
        _ACCENTS,
        (2, 3),
        (2.7, 3.2),
        (6.0, 12.0),
        (0.3, 0.45),
        0.35,
        0.35,
        0.15,
        0.0,
        0.7,
    ),
)


@dataclass(frozen=True)
class Facade:
    """The choices that fix one facade. Lengths in metres, colours display-encoded 0..1."""

    width: float
    height: float
    floors: int
    floor_height: float
    ground_height: float
    material: str
    wall: Color
    ground_wall: Color
    trim: Color
    base: Color
    frame: Color
    accent: Color
    sign: Color
    awning: Color | None
    bays: int
    window_width: float
    window_height: float
    panes: tuple[int, int]
    arched: bool
    shutters: bool
    balconies: tuple[bool, ...]
    lintels: bool
    bands: bool
    quoins: bool
    cornice: float
    ground: str
    door_bay: int
    ivy: bool


def draw_facade(rng: np.random.Generator, district: District, width: float) -> Facade:
    """Draw one facade of a district.

    Args:
        rng: Source of randomness.
        district: The style to draw from.
        width: Width of the facade in metres.

    Returns:
        The facade's choices.
    """
    floors = int(rng.integers(district.floors[0], district.floors[1] + 1))
    floor_height = rng.uniform(*district.floor_height)
    shop = rng.random() < district.shops
    ground_height = rng.uniform(3.4, 4.4) if shop else floor_height + rng.uniform(0.0, 0.7)
    cornice = rng.choice([0.25, 0.45, 0.7])
    wall = _jitter(rng, _pick(rng, district.walls), 0.05)
    bays = max(1, round(width / rng.uniform(2.0, 3.3)))
    share = rng.uniform(*district.window_share)
    ground = "shop" if shop else str(rng.choice(["door", "door", "gate", "arcade"]))
    return Facade(
        width=width,
        height=ground_height + (floors - 1) * floor_height + cornice + rng.uniform(0.1, 0.9),
        floors=floors,
        floor_height=floor_height,
        ground_height=ground_height,
        material=str(rng.choice(district.materials)),
        wall=wall,
        ground_wall=_jitter(
            rng, _pick(rng, [wall, wall, _pick(rng, district.walls), _pick(rng, district.trims)]), 0.06
        ),
        trim=_jitter(rng, _pick(rng, district.trims), 0.03),
        base=_scaled(_pick(rng, [wall, (0.5, 0.48, 0.45), (0.36, 0.36, 0.37)]), rng.uniform(0.55, 0.85)),
        frame=_pick(rng, [(0.93, 0.93, 0.9), (0.93, 0.93, 0.9), (0.3, 0.22, 0.16), _pick(rng, district.accents)]),
        accent=_jitter(rng, _pick(rng, district.accents), 0.05),
        sign=_sign_color(rng),
        awning=_sign_color(rng) if rng.random() < 0.55 else None,
        bays=bays,
        window_width=max(0.7, share * width / bays),
        window_height=floor_height * rng.uniform(0.45, 0.68),
        panes=(int(rng.integers(1, 4)), int(rng.integers(1, 4))),
        arched=rng.random() < district.arches,
        shutters=share < 0.4 and rng.random() < district.shutters,
        balconies=_balconies(rng, floors, district.balconies),
        lintels=rng.random() < 0.6,
        bands=rng.random() < 0.5,
        quoins=rng.random() < 0.25,
        cornice=float(cornice),
        ground=ground,
        door_bay=int(rng.integers(bays)),
        ivy=rng.random() < 0.06,
    )


def _balconies(rng: np.random.Generator, floors: int, probability: float) -> tuple[bool, ...]:
    if rng.random() > probability:
        return (False,) * floors
    return tuple(bool(rng.random() < 0.55) for _ in range(floors))


def _pick(rng: np.random.Generator, colors: list[Color]) -> Color:
    return colors[int(rng.integers(len(colors)))]


def _jitter(rng: np.random.Generator, color: Color, spread: float) -> Color:
    shared = rng.normal(0.0, spread)
    red, green, blue = (float(np.clip(part + shared + rng.normal(0.0, spread / 3), 0.05, 0.97)) for part in color)
    return red, green, blue


def _scaled(color: Color, factor: float) -> Color:
    return color[0] * factor, color[1] * factor, color[2] * factor


def _sign_color(rng: np.random.Generator) -> Color:
    """A strong colour: shop signs and awnings are the landmarks of a street."""
    hue = rng.random() * 6.0
    pure = np.clip(np.abs((hue + np.array([0.0, 4.0, 2.0])) % 6.0 - 3.0) - 1.0, 0.0, 1.0)
    red, green, blue = (float(part) for part in rng.uniform(0.45, 0.85) * (0.2 + 0.8 * pure))
    return red, green, blue
