"""Draws the weather of a visit."""

import numpy as np

from .light import Weather
from .noise import Floats


def _rgb(red: float, green: float, blue: float) -> Floats:
    return np.array([red, green, blue], np.float32)


def _toward(bearing: float, azimuth: float, elevation: float) -> tuple[float, float, float]:
    """Unit vector in the frame of a street to a compass direction; all angles in degrees."""
    turn, height = np.radians(azimuth - bearing), np.radians(elevation)
    return float(np.cos(turn) * np.cos(height)), float(-np.sin(turn) * np.cos(height)), float(np.sin(height))


def _shift(rng: np.random.Generator) -> tuple[int, int]:
    return int(rng.integers(1024)), int(rng.integers(1024))


def clear_day(rng: np.random.Generator, bearing: float) -> Weather:
    """The weather of all database pictures: a clear early afternoon."""
    return Weather(
        sun=_toward(bearing, rng.uniform(190, 205), rng.uniform(48, 52)),
        sun_color=_rgb(0.95, 0.9, 0.8),
        sky_light=_rgb(0.52, 0.58, 0.68),
        zenith=_rgb(0.16, 0.32, 0.68),
        horizon=_rgb(0.62, 0.74, 0.88),
        cloud=_rgb(0.95, 0.95, 0.96),
        cloud_cover=0.3,
        cloud_shift=_shift(rng),
        haze=700.0,
    )


def any_day(rng: np.random.Generator, bearing: float) -> Weather:
    """The weather of a day query: sun from anywhere between east and west, or an overcast or hazy sky."""
    cover = float(rng.choice([0.2, 0.3, 0.4, 0.7, 1.0]))
    overcast = max(0.0, (cover - 0.5) * 2.0)
    elevation = rng.uniform(30, 60)
    low_sun = np.clip((35 - elevation) / 25, 0, 1)
    warm = _rgb(1.0, 0.92 - 0.22 * low_sun, 0.82 - 0.42 * low_sun)
    gray = rng.uniform(0.55, 0.85)
    blue = _rgb(0.16, 0.32, 0.68) * (1 - overcast) + _rgb(gray, gray, gray * 1.03) * overcast
    pale = _rgb(0.62, 0.72, 0.85) * (1 - overcast) + _rgb(gray, gray, gray) * overcast
    return Weather(
        sun=_toward(bearing, rng.uniform(130, 260), elevation),
        sun_color=warm * rng.uniform(0.85, 1.1) * (1 - overcast),
        sky_light=_rgb(0.45, 0.52, 0.64) * (1 - overcast) + _rgb(0.72, 0.74, 0.76) * overcast,
        zenith=blue,
        horizon=pale,
        cloud=_rgb(0.9, 0.9, 0.9) * (1 - 0.5 * overcast) + 0.3 * overcast * gray,
        cloud_cover=cover,
        cloud_shift=_shift(rng),
        haze=float(rng.choice([200.0, 400.0, 700.0])),
    )


def any_night(rng: np.random.Generator) -> Weather:
    """The sky by night: nearly black, with some light of the city in the clouds."""
    glow = rng.uniform(0.02, 0.045)
    return Weather(
        sun=(0.0, 0.0, 1.0),
        sun_color=_rgb(0, 0, 0),
        sky_light=_rgb(0.9, 0.8, 0.75) * glow,
        zenith=_rgb(0.3, 0.35, 0.5) * glow,
        horizon=_rgb(0.9, 0.7, 0.5) * glow,
        cloud=_rgb(0.7, 0.6, 0.5) * glow,
        cloud_cover=float(rng.uniform(0.1, 0.9)),
        cloud_shift=_shift(rng),
        haze=600.0,
    )
