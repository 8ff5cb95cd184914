"""Paints facades: walls, windows, shops, doors, balconies and cornices."""

import numpy as np

from .canvas import Canvas
from .materials import lay_material
from .noise import smooth_noise
from .style import Color, Facade
from .texture import Texture

WINDOW, SHOP, SIGN, HEADLIGHT, TAILLIGHT = 1, 2, 3, 4, 5

_GLASS: Color = (0.16, 0.18, 0.2)


def paint_front(rng: np.random.Generator, facade: Facade, pixels_per_metre: float) -> Texture:
    """Paint the side of a building that faces its street.

    Args:
        rng: Source of the small irregularities.
        facade: What to paint.
        pixels_per_metre: Resolution.

    Returns:
        The texture, `facade.width` by `facade.height` metres.
    """
    canvas = Canvas(facade.width, facade.height, pixels_per_metre, facade.wall)
    lay_material(rng, canvas, facade.material, facade.ground_height, facade.height)
    ground_area = canvas.area(0, facade.width, 0, facade.ground_height)
    canvas.color[ground_area] = facade.ground_wall
    lay_material(rng, canvas, "ashlar" if facade.bands else facade.material, 0, facade.ground_height)
    canvas.speckle(rng, 2.5, 0.07)
    _paint_trim(canvas, facade)
    for floor in range(1, facade.floors):
        _paint_floor(rng, canvas, facade, floor)
    _paint_ground_floor(rng, canvas, facade)
    _weather(rng, canvas, facade)
    return canvas.finish()


def paint_side(rng: np.random.Generator, facade: Facade, width: float, pixels_per_metre: float) -> Texture:
    """Paint a plain side of the same building, `width` metres wide: few windows, no shop."""
    canvas = Canvas(width, facade.height, pixels_per_metre, facade.wall)
    lay_material(rng, canvas, facade.material, 0, facade.height)
    canvas.speckle(rng, 3.0, 0.1)
    bays = max(1, int(width / 4))
    present = rng.random(bays) < 0.6
    for floor in range(facade.floors):
        low = 0.9 + (0 if floor == 0 else facade.ground_height + (floor - 1) * facade.floor_height)
        for bay in np.flatnonzero(present):
            _paint_window(rng, canvas, facade, (bay + 0.5) * width / bays, low, shutters=False)
    canvas.fill(0, width, 0, 0.6, facade.base)
    return canvas.finish()


def _paint_trim(canvas: Canvas, facade: Facade) -> None:
    width, height = facade.width, facade.height
    canvas.fill(0, width, 0, 0.7, facade.base)
    if facade.bands:
        for floor in range(1, facade.floors):
            level = facade.ground_height + (floor - 1) * facade.floor_height
            canvas.relief(0, width, level - 0.12, level + 0.12, facade.trim)
    if facade.quoins:
        for step in np.arange(0.7, height - facade.cornice, 0.7):
            long = 0.55 if round(step / 0.7) % 2 else 0.35
            canvas.relief(0, long, step, step + 0.62, facade.trim)
            canvas.relief(width - long, width, step, step + 0.62, facade.trim)
    canvas.relief(0, width, height - facade.cornice, height, facade.trim)
    if facade.cornice > 0.4:
        for left in np.arange(0.1, width, 0.6):
            canvas.relief(left, left + 0.28, height - facade.cornice - 0.25, height - facade.cornice, facade.trim)


def _paint_floor(rng: np.random.Generator, canvas: Canvas, facade: Facade, floor: int) -> None:
    spacing = facade.width / facade.bays
    level = facade.ground_height + (floor - 1) * facade.floor_height
    balcony = facade.balconies[floor]
    low = level + (0.15 if balcony else 0.25 * facade.floor_height)
    for bay in range(facade.bays):
        center = (bay + 0.5) * spacing
        _paint_window(rng, canvas, facade, center, low, shutters=facade.shutters)
        if balcony:
            _paint_balcony(canvas, facade, center, level)


def _paint_window(
    rng: np.random.Generator, canvas: Canvas, facade: Facade, center: float, low: float, *, shutters: bool
) -> None:
    half = facade.window_width / 2
    left, right, high = center - half, center + half, low + facade.window_height
    part = canvas.new_part(WINDOW)
    if facade.lintels:
        canvas.relief(left - 0.15, right + 0.15, low - 0.1, high + 0.18, facade.trim)
    if facade.arched:
        for step in range(4):
            inset = half * (1 - np.sqrt(1 - ((step + 0.5) / 4) ** 2))
            rise = half * 0.6 * step / 4
            canvas.fill(left + inset, right - inset, high + rise, high + rise + half * 0.16, facade.frame)
    canvas.fill(left, right, low, high, facade.frame)
    canvas.shade(left, right, high - 0.12, high, 0.6)
    _paint_panes(rng, canvas, facade, (left + 0.07, right - 0.07, low + 0.07, high - 0.07), part)
    canvas.relief(left - 0.12, right + 0.12, low - 0.14, low, facade.trim)
    if shutters:
        leaf = min(half * 0.95, 0.55)
        for edge in (left - leaf, right):
            canvas.relief(edge + 0.03, edge + leaf - 0.03, low, high, facade.accent)
            for slat in np.arange(low + 0.1, high - 0.1, 0.2):
                canvas.shade(edge + 0.08, edge + leaf - 0.08, slat, slat + 0.06, 0.75)


def _paint_panes(
    rng: np.random.Generator, canvas: Canvas, facade: Facade, box: tuple[float, float, float, float], part: int
) -> None:
    left, right, low, high = box
    shade = rng.uniform(0.7, 1.3)
    columns, rows = facade.panes
    step_u, step_v = (right - left) / columns, (high - low) / rows
    glass = (_GLASS[0] * shade, _GLASS[1] * shade, _GLASS[2] * shade)
    for column in range(columns):
        for row in range(rows):
            u, v = left + column * step_u, low + row * step_v
            canvas.pane(u + 0.025, u + step_u - 0.025, v + 0.025, v + step_v - 0.025, glass, part)
    dressing = rng.random()
    if dressing < 0.3:  # curtains at both sides
        for edge in (left, right - 0.2 * (right - left)):
            canvas.color[canvas.area(edge, edge + 0.2 * (right - left), low, high)] = (0.62, 0.6, 0.55)
    elif dressing < 0.5:  # a blind, let down to some height
        drop = low + (high - low) * rng.uniform(0.3, 0.9)
        canvas.color[canvas.area(left, right, drop, high)] = (0.66, 0.64, 0.58)


def _paint_balcony(canvas: Canvas, facade: Facade, center: float, level: float) -> None:
    half = min(facade.window_width / 2 + 0.35, facade.width / facade.bays / 2)
    canvas.shade(center - half, center + half, level - 0.45, level - 0.1, 0.6)
    canvas.relief(center - half, center + half, level - 0.12, level + 0.08, facade.trim)
    rail: Color = (0.13, 0.13, 0.14) if facade.material != "panels" else facade.accent
    canvas.fill(center - half, center + half, level + 0.95, level + 1.03, rail)
    step = 0.18 if facade.material != "panels" else 2.0 / canvas.scale
    for bar in np.arange(center - half, center + half, step):
        canvas.fill(bar, bar + 1.0 / canvas.scale, level + 0.08, level + 0.95, rail)


def _paint_ground_floor(rng: np.random.Generator, canvas: Canvas, facade: Facade) -> None:
    if facade.ground == "shop":
        _paint_shop(rng, canvas, facade)
        return
    spacing = facade.width / facade.bays
    for bay in range(facade.bays):
        center = (bay + 0.5) * spacing
        if bay == facade.door_bay:
            _paint_door(rng, canvas, facade, center)
        elif facade.ground == "arcade":
            _paint_arch(canvas, facade, center, spacing * 0.36)
        else:
            _paint_window(rng, canvas, facade, center, 1.0, shutters=facade.shutters)


def _paint_arch(canvas: Canvas, facade: Facade, center: float, half: float) -> None:
    """A round arch into a dark passage, with the lighter far wall of the passage in it."""
    spring = max(1.2, 0.85 * facade.ground_height - half)
    rise = 0.85 * facade.ground_height - spring
    step = 1.0 / canvas.scale
    for height in np.arange(0.0, spring + rise, step):
        share = max(0.0, height - spring) / rise
        reach = half * float(np.sqrt(max(0.0, 1.0 - share * share)))
        canvas.fill(center - reach - 0.15, center + reach + 0.15, height, height + step, facade.trim)
        canvas.fill(center - reach, center + reach, height, height + step, (0.13, 0.12, 0.12))
    canvas.fill(center - 0.55 * half, center + 0.55 * half, 0.1, 0.8 * spring, (0.22, 0.21, 0.2))


def _paint_door(rng: np.random.Generator, canvas: Canvas, facade: Facade, center: float) -> None:
    half = 1.3 if facade.ground == "gate" else rng.uniform(0.5, 0.75)
    top = min(2.7 if facade.ground == "gate" else 2.3, facade.ground_height - 0.6)
    canvas.relief(center - half - 0.2, center + half + 0.2, 0, top + 0.45, facade.trim)
    canvas.fill(center - half, center + half, 0.1, top, facade.accent)
    canvas.pane(center - half, center + half, top, top + 0.25, _GLASS, canvas.new_part(WINDOW))
    for side in (-1, 1):
        middle = center + side * half / 2
        canvas.shade(middle - half * 0.33, middle + half * 0.33, 0.3, 1.0, 0.75)
        canvas.shade(middle - half * 0.33, middle + half * 0.33, 1.15, top - 0.2, 0.8)
    canvas.fill(center - half - 0.3, center + half + 0.3, 0, 0.14, (0.6, 0.58, 0.55))


def _paint_shop(rng: np.random.Generator, canvas: Canvas, facade: Facade) -> None:
    width = facade.width
    fascia = facade.ground_height - 0.95
    canvas.fill(0.15, width - 0.15, 0, fascia + 0.75, facade.accent)
    windows = max(2, round(width / rng.uniform(1.8, 3.2)))
    step = (width - 0.5) / windows
    door = int(rng.integers(windows))
    for number in range(windows):
        left = 0.25 + number * step
        low = 0.12 if number == door else 0.55
        part = canvas.new_part(SHOP)
        canvas.pane(left + 0.08, left + step - 0.08, low, fascia - 0.05, _GLASS, part)
        for _ in range(int(rng.integers(3, 9))):  # goods on display
            u, v = rng.uniform(left + 0.1, left + step - 0.5), rng.uniform(low, low + 1.0)
            goods = canvas.area(u, u + rng.uniform(0.1, 0.4), v, v + rng.uniform(0.15, 0.7))
            canvas.color[goods] = rng.uniform(0.1, 0.8, 3)
    _paint_sign(rng, canvas, facade, fascia)
    if facade.awning is not None:
        for number, left in enumerate(np.arange(0.2, width - 0.3, 0.4)):
            stripe = facade.awning if number % 2 else (0.9, 0.88, 0.82)
            canvas.fill(left, min(left + 0.4, width - 0.2), fascia - 0.75, fascia, stripe)
        canvas.shade(0.2, width - 0.2, fascia - 0.75, fascia - 0.55, 0.8)
        canvas.shade(0.2, width - 0.2, fascia - 1.3, fascia - 0.75, 0.65)


def _paint_sign(rng: np.random.Generator, canvas: Canvas, facade: Facade, low: float) -> None:
    """A sign board with a word of made-up letters: random strokes on a 3 by 5 raster."""
    width = facade.width
    canvas.relief(0.15, width - 0.15, low, low + 0.75, facade.sign)
    canvas.ids[canvas.area(0.2, width - 0.2, low + 0.05, low + 0.7)] = canvas.new_part(SIGN)
    ink: Color = (0.95, 0.94, 0.88) if sum(facade.sign) < 1.5 else (0.12, 0.1, 0.12)
    stroke = rng.uniform(0.08, 0.11)
    letters = min(int(rng.integers(4, 11)), int((width - 1.0) / (4 * stroke)))
    start = rng.uniform(0.4, max(0.41, width - 0.5 - letters * 4 * stroke))
    for letter in range(letters):
        glyph = rng.random((5, 3)) < 0.6
        for row, column in np.argwhere(glyph):
            u, v = start + (4 * letter + column) * stroke, low + 0.12 + row * stroke
            canvas.color[canvas.area(u, u + stroke, v, v + stroke)] = ink


def _weather(rng: np.random.Generator, canvas: Canvas, facade: Facade) -> None:
    """Streaks of dirt, a down-pipe, and now and then ivy."""
    streaks = smooth_noise(rng, canvas.glass.shape, (6.0 * canvas.scale, 0.35 * canvas.scale))
    canvas.color *= (1.0 - 0.12 * np.clip(streaks - 0.5, 0, 1))[..., None]
    pipe = rng.choice([0.12, facade.width - 0.2])
    canvas.relief(pipe, pipe + 0.1, 0, facade.height - facade.cornice, (0.35, 0.34, 0.33))
    if facade.ivy:
        leaves = smooth_noise(rng, canvas.glass.shape, (0.3 * canvas.scale, 0.3 * canvas.scale))
        patch = smooth_noise(rng, canvas.glass.shape, (3.0 * canvas.scale, 3.0 * canvas.scale))
        grown = patch + 0.3 * leaves > 0.75
        canvas.color[grown] = np.array([0.16, 0.3, 0.1]) * (0.6 + 0.8 * leaves[grown][:, None])
        canvas.glass[grown] = 0.0
        canvas.ids[grown] = 0
