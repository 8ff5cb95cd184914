"""Puts one picture together: cast, colour, light, sky, sprites, sensor."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .caster import GROUND, SKY, Camera, View, cast
from .light import Lamps, Weather, daylight, emitted, lamplight, place_light, sunlight
from .noise import Floats, tileable_clouds
from .sensor import Sensor, develop
from .surfaces import SurfacePoints, locate_surfaces
from .traffic import Visit
from .world import PlacedSprite, Street

_CLOUD_SIZE = 1024


@dataclass(frozen=True)
class Night:
    """What shines in the dark: (textures, 256, 3) light of the parts, and the point lights."""

    emission: Floats
    lamps: Lamps


def take_picture(
    rng: np.random.Generator,
    street: Street,
    visit: Visit,
    camera: Camera,
    weather: Weather,
    sensor: Sensor,
    night: Night | None = None,
) -> NDArray[np.uint8]:
    """Render one picture.

    Args:
        rng: Source of the sensor's noise.
        street: What stands there.
        visit: What is there this time.
        camera: Where to look from.
        weather: Light and air.
        sensor: How the picture is taken.
        night: Artificial light; None by day.

    Returns:
        (rows, columns, 3) picture.
    """
    view = cast(camera, street.buildings, visit.boxes)
    points = locate_surfaces(camera, view, street, [street.buildings, visit.boxes])
    light = _paint_sky(camera, view, weather)
    light[:, points.pixel] = _haze(weather, points.depth, _light_surfaces(street, visit, view, points, weather, night))
    picture = light.reshape(3, camera.rows, camera.columns)
    for placed in sorted(street.sprites + visit.sprites, key=lambda item: -_depth_of(camera, item)):
        _draw_sprite(camera, picture, view, street, placed, weather, night)
    if night is not None:
        _draw_lamps(camera, picture, view, night.lamps)
    return develop(rng, picture, sensor)


def _light_surfaces(
    street: Street, visit: Visit, view: View, points: SurfacePoints, weather: Weather, night: Night | None
) -> Floats:
    light = daylight(street, weather, points)
    if night is not None:
        light += lamplight(night.lamps, points)
    ground = np.flatnonzero(view.surface.ravel()[points.pixel] == GROUND)
    light[:, ground] *= _shade_below(visit, points.x[ground], points.y[ground])
    shown = points.albedo * light
    # Glass mirrors the sky by day; the higher the window the more of it.
    mirror = points.glass * (0.08 + 0.012 * np.minimum(points.z, 15))
    shown += mirror * weather.horizon[:, None]
    return shown + emitted(night.emission, street, points) if night is not None else shown


def _shade_below(visit: Visit, x: Floats, y: Floats) -> Floats:
    shade = np.ones_like(x)
    for left, right, low, high in visit.footprints:
        outside = np.maximum(np.maximum(left - x, x - right), np.maximum(low - y, y - high))
        shade = np.minimum(shade, np.clip(0.3 + 1.2 * np.maximum(outside, 0), 0.3, 1))
    return shade


def _haze(weather: Weather, depth: Floats, light: Floats) -> Floats:
    clear = np.exp(-depth / np.float32(weather.haze))
    return light * clear + weather.horizon[:, None] * (1 - clear)


@lru_cache(maxsize=1)
def _clouds() -> Floats:
    return tileable_clouds(np.random.default_rng(7), _CLOUD_SIZE)


def _paint_sky(camera: Camera, view: View, weather: Weather) -> Floats:
    light = np.zeros((3, camera.rows * camera.columns), np.float32)
    pixel = np.flatnonzero(view.surface == SKY)
    row, column = np.divmod(pixel, camera.columns)
    slope = np.maximum(camera.slopes()[row], 0.01)
    ray_x, ray_y = (ray[column] for ray in camera.rays())
    up = np.clip(slope / np.sqrt(1.0 + slope * slope), 0, 1) ** 0.5
    sky = weather.horizon[:, None] * (1 - up) + weather.zenith[:, None] * up
    # Clouds lie on a plane overhead, so they shrink towards the horizon.
    cell_x = (120 * ray_x / (slope + 0.15) + weather.cloud_shift[0]).astype(np.intp) % _CLOUD_SIZE
    cell_y = (120 * ray_y / (slope + 0.15) + weather.cloud_shift[1]).astype(np.intp) % _CLOUD_SIZE
    density = _clouds()[cell_y, cell_x]
    cover = np.clip((density - (0.9 - 0.8 * weather.cloud_cover)) * 4.0, 0, 1) * np.clip(slope * 6, 0, 1)
    light[:, pixel] = sky + (weather.cloud[:, None] * (0.75 + 0.3 * density) - sky) * cover
    return light


def _depth_of(camera: Camera, placed: PlacedSprite) -> float:
    ahead_x, ahead_y = camera.forward
    return (placed.x - camera.x) * ahead_x + (placed.y - camera.y) * ahead_y


def _column_of(camera: Camera, x: float, y: float, depth: float) -> float:
    ahead_x, ahead_y = camera.forward
    return camera.columns / 2 + camera.focal * ((x - camera.x) * ahead_y - (y - camera.y) * ahead_x) / depth


def _draw_sprite(
    camera: Camera,
    picture: Floats,
    view: View,
    street: Street,
    placed: PlacedSprite,
    weather: Weather,
    night: Night | None,
) -> None:
    depth = _depth_of(camera, placed)
    if depth < 0.8 or depth > 150:
        return
    scale = camera.focal / depth
    middle = _column_of(camera, placed.x, placed.y, depth)
    width, height = placed.sprite.width * placed.size * scale, placed.sprite.height * placed.size * scale
    foot = float(camera.row_of(0.0, depth))
    left, top = middle - width / 2, foot - height
    columns = np.arange(max(0, int(np.ceil(left - 0.5))), min(camera.columns, int(np.ceil(left + width - 0.5))))
    rows = np.arange(max(0, int(np.ceil(top - 0.5))), min(camera.rows, int(np.ceil(foot - 0.5))))
    if columns.size == 0 or rows.size == 0:
        return
    level = int(np.clip(np.log2(max(1.0, placed.sprite.levels[0].shape[0] / height)), 0, len(placed.sprite.levels) - 1))
    texels = placed.sprite.levels[level]
    texel_row = np.minimum(((rows + 0.5 - top) / height * texels.shape[0]).astype(np.intp), texels.shape[0] - 1)
    texel_column = np.minimum(((columns + 0.5 - left) / width * texels.shape[1]).astype(np.intp), texels.shape[1] - 1)
    patch = texels[texel_row[:, None], texel_column[None, :]].astype(np.float32).transpose(2, 0, 1) / np.float32(255)
    area = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    opacity = patch[3] * (view.depth[area] > depth)
    shown = patch[:3] ** 2 * _sprite_light(street, placed, weather, night)[:, None, None]
    clear = np.float32(np.exp(-depth / weather.haze))
    shown = shown * clear + weather.horizon[:, None, None] * (1 - clear)
    target = picture[(slice(None), *area)]
    target += (shown - target) * opacity


def _sprite_light(street: Street, placed: PlacedSprite, weather: Weather, night: Night | None) -> Floats:
    if night is not None:
        return 0.7 * weather.sky_light + place_light(night.lamps, placed.x, placed.y, 2.0)
    spot = np.array([placed.x], np.float32), np.array([placed.y], np.float32), np.array([1.5], np.float32)
    return 0.7 * weather.sky_light + 0.5 * weather.sun_color * sunlight(street, weather, *spot)


def _draw_lamps(camera: Camera, picture: Floats, view: View, lamps: Lamps) -> None:
    """The burning lamps themselves; glare around them comes with the sensor."""
    for (x, y, z), color in zip(lamps.position[: lamps.heads], lamps.color[: lamps.heads], strict=True):
        ahead_x, ahead_y = camera.forward
        depth = float((x - camera.x) * ahead_x + (y - camera.y) * ahead_y)
        if depth < 1.0 or color.max() <= 0:
            continue
        row, column = float(camera.row_of(float(z), depth)), _column_of(camera, float(x), float(y), depth)
        radius = max(0.6, 0.16 * camera.focal / depth)
        rows = slice(max(0, int(row - radius)), max(0, int(row + radius) + 1))
        columns = slice(max(0, int(column - radius)), max(0, int(column + radius) + 1))
        seen = view.depth[rows, columns] > depth
        picture[:, rows, columns] += seen * color[:, None, None]
