"""Daylight, street lamps and lit windows. All light is linear; 1 is a white wall in plain daylight."""

from dataclasses import dataclass

import numpy as np

from .caster import Camera
from .facade import HEADLIGHT, SHOP, SIGN, TAILLIGHT, WINDOW
from .noise import Floats
from .surfaces import SurfacePoints
from .texture import Indices
from .world import SKYLINE_STEP, Street

_LAMP_REACH = 45.0  # metres; lamps farther away than this from the camera light nothing


@dataclass(frozen=True)
class Weather:
    """Light and air of one visit; colours are linear RGB.

    Attributes:
        sun: Unit vector to the sun in the street's frame.
        sun_color: Light of the sun on a wall that faces it; zero by night and under closed clouds.
        sky_light: Light from the whole sky.
        zenith: Colour of the sky overhead.
        horizon: Colour of the sky and the haze near the horizon.
        cloud: Colour of the clouds.
        cloud_cover: 0..1.
        cloud_shift: Where in the endless clouds this sky lies, in pixels of the cloud picture.
        haze: Distance in metres at which haze takes 63 % of the contrast.
    """

    sun: tuple[float, float, float]
    sun_color: Floats
    sky_light: Floats
    zenith: Floats
    horizon: Floats
    cloud: Floats
    cloud_cover: float
    cloud_shift: tuple[int, int]
    haze: float


@dataclass
class Lamps:
    """Point lights: (L, 3) positions in metres and (L, 3) linear colours at one metre; the first `heads` are lamps."""

    position: Floats
    color: Floats
    heads: int


def sunlight(street: Street, weather: Weather, x: Floats, y: Floats, z: Floats) -> Floats:
    """Share of the sun that reaches points past the roofs on the sun's side of the street.

    Args:
        street: Owner of the skylines.
        weather: Where the sun stands.
        x: (N,) position in metres; likewise y and z.
        y: See x.
        z: See x.

    Returns:
        (N,) values from 0 (shadow) to 1.
    """
    sun_x, sun_y, sun_z = weather.sun
    side = 1 if sun_y > 0 else -1
    if abs(sun_y) < 0.02:
        return np.ones_like(x)
    way = (side * street.ground.facade_line - y) / np.float32(sun_y)
    cell = (x + sun_x * way + street.ground.reach) / np.float32(SKYLINE_STEP)
    skyline = street.skylines[(side + 1) // 2]
    roof = skyline[np.clip(cell, 0, len(skyline) - 1).astype(np.intp)]
    above = z + np.float32(sun_z) * way - roof
    return np.where(way > 0, np.clip(0.5 + 1.5 * above, 0, 1), 1).astype(np.float32)


def daylight(street: Street, weather: Weather, points: SurfacePoints) -> Floats:
    """Light (3, N) that sun and sky cast on surface points."""
    sun_x, sun_y, sun_z = (np.float32(part) for part in weather.sun)
    facing = np.maximum(points.normal_x * sun_x + points.normal_y * sun_y + points.normal_z * sun_z, 0)
    if weather.sun_color.any():
        facing *= sunlight(street, weather, points.x, points.y, points.z)
    # Walls see half the sky, and less of it low down in the street.
    openness = np.float32(0.55) + np.float32(0.02) * np.minimum(points.z, 12) + np.float32(0.3) * points.normal_z
    return weather.sun_color[:, None] * facing + weather.sky_light[:, None] * openness


def lamplight(lamps: Lamps, points: SurfacePoints) -> Floats:
    """Light (3, N) that point lights cast on surface points."""
    total = np.zeros((3, points.x.size), np.float32)
    for position, color in zip(lamps.position, lamps.color, strict=True):
        to_x, to_y, to_z = position[0] - points.x, position[1] - points.y, position[2] - points.z
        facing = np.maximum(points.normal_x * to_x + points.normal_y * to_y + points.normal_z * to_z, 0)
        square = to_x * to_x + to_y * to_y + to_z * to_z + np.float32(0.3)
        strength = facing / (square * np.sqrt(square))
        for channel in range(3):
            total[channel] += color[channel] * strength
    return total


def place_light(lamps: Lamps, x: float, y: float, z: float) -> Floats:
    """Light (3,) that point lights cast on something small, whatever way it faces."""
    square = ((lamps.position - np.array([x, y, z], np.float32)) ** 2).sum(axis=1) + np.float32(1.0)
    return 0.5 * (lamps.color / square[:, None]).sum(axis=0)


def draw_emission(rng: np.random.Generator, street: Street) -> Floats:
    """Draw which windows, shops and signs are lit tonight, and by what colour.

    Args:
        rng: Source of randomness.
        street: Owner of the textures.

    Returns:
        Light (textures, 256, 3) of every part of every texture.
    """
    kinds = street.atlas.kinds
    chance = np.choose(kinds, [0.0, 0.3, 0.85, 0.75, 1.0, 1.0])
    power = np.choose(kinds, [0.0, 0.45, 0.8, 0.8, 14.0, 2.5]) * rng.uniform(0.5, 1.3, kinds.shape)
    warmth = rng.random(kinds.shape)[..., None]
    color = np.array([1.0, 0.62, 0.26]) * (1 - warmth) + np.array([0.95, 0.95, 0.85]) * warmth
    color[kinds == HEADLIGHT] = (1.0, 0.96, 0.85)
    color[kinds == TAILLIGHT] = (1.0, 0.04, 0.03)
    lit = rng.random(kinds.shape) < chance
    return (color * (power * lit)[..., None]).astype(np.float32)


def emitted(emission: Floats, street: Street, points: SurfacePoints) -> Floats:
    """Light (3, N) that lit windows, signs and vehicle lights send out."""
    light = emission[points.texture, points.part].T
    kind = street.atlas.kinds[points.texture, points.part]
    # A lit window shows what is behind it, brighter below the ceiling light; a sign shines in its own colours.
    behind = (kind == WINDOW) | (kind == SHOP)
    look = np.where(behind, points.glass * (0.35 + 3.0 * points.albedo), points.albedo)
    return light * np.where(kind >= HEADLIGHT, 1.0, np.where(kind == SIGN, 1.3 * points.albedo, look))


def night_lamps(rng: np.random.Generator, street: Street, emission: Floats, camera: Camera) -> Lamps:
    """Street lamps and the glow of lit shop fronts around the camera, without those far behind it.

    Args:
        rng: Source of the lamps' colour tonight and of failed lamps.
        street: Owner of the lamps.
        emission: Tonight's lit parts.
        camera: Where they are seen from.

    Returns:
        The point lights.
    """
    sodium = np.array([1.0, 0.55, 0.16]) if rng.random() < 0.6 else np.array([0.85, 0.95, 1.0])
    power = rng.uniform(5.0, 8.0) * (rng.random(len(street.lamps)) < 0.94)
    shop_texture: Indices = street.shops[:, 2].astype(np.intp)
    is_shop = street.atlas.kinds[shop_texture] == SHOP
    shine = (emission[shop_texture] * is_shop[..., None]).sum(axis=1) / np.maximum(is_shop.sum(axis=1), 1)[:, None]
    shop_position = np.stack([street.shops[:, 0], street.shops[:, 1], np.full(len(street.shops), 2.2)], axis=1)
    position = np.concatenate([street.lamps, shop_position]).astype(np.float32)
    color = np.concatenate([power[:, None] * sodium, 1.2 * shine]).astype(np.float32)
    to_x, to_y = position[:, 0] - camera.x, position[:, 1] - camera.y
    ahead_x, ahead_y = camera.forward
    useful = (np.hypot(to_x, to_y) < _LAMP_REACH) & (to_x * ahead_x + to_y * ahead_y > -8.0)
    return Lamps(position[useful], color[useful], heads=int(useful[: len(street.lamps)].sum()))
