"""From light to a picture file's numbers: exposure, colour cast, glare, blur and noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .noise import Floats


@dataclass(frozen=True)
class Sensor:
    """How one picture is taken.

    Attributes:
        exposure: Factor on all light.
        balance: (3,) factors on red, green and blue.
        blur: Standard deviation of the optical blur in pixels.
        motion: Length of the sideways motion blur in pixels; 1 for none.
        shot_noise: Standard deviation of the photon noise at full light.
        read_noise: Standard deviation of the noise in the dark.
        glare: Share of light that spreads around very bright spots.
    """

    exposure: float
    balance: tuple[float, float, float]
    blur: float
    motion: int
    shot_noise: float
    read_noise: float
    glare: float


def develop(rng: np.random.Generator, light: Floats, sensor: Sensor) -> NDArray[np.uint8]:
    """Turn light into a picture.

    Args:
        rng: Source of the noise.
        light: (3, rows, columns) linear light.
        sensor: The settings.

    Returns:
        (rows, columns, 3) picture.
    """
    factors = sensor.exposure * np.array(sensor.balance, np.float32)
    light = light * factors[:, None, None]
    if sensor.glare > 0:
        light += sensor.glare * _spread(np.clip(light - 0.8, 0, 6))
    light = _smooth(light, sensor)
    noise = rng.standard_normal(light.shape, dtype=np.float32)
    light += noise * np.sqrt(sensor.read_noise**2 + sensor.shot_noise**2 * np.maximum(light, 0))
    # A soft shoulder, as cameras have it, then display encoding.
    shown = np.sqrt(1.0 - np.exp(-1.4 * np.maximum(light, 0)))
    return (shown * np.float32(255.0) + np.float32(0.5)).astype(np.uint8).transpose(1, 2, 0).copy()


def _spread(bright: Floats) -> Floats:
    """Glare: a wide soft glow, computed on a small picture."""
    _, rows, columns = bright.shape
    small = bright.reshape(3, rows // 8, 8, columns // 8, 8).mean(axis=(2, 4))
    glow = _blurred(small, 0.7) + 0.5 * _blurred(small, 2.5)
    enlarged = [np.asarray(Image.fromarray(plane).resize((columns, rows), Image.Resampling.BICUBIC)) for plane in glow]
    return np.maximum(np.stack(enlarged), 0)


def _smooth(light: Floats, sensor: Sensor) -> Floats:
    if sensor.motion > 1:
        light = _convolve(light, np.full(sensor.motion, 1.0 / sensor.motion, np.float32), axis=2)
    return _blurred(light, sensor.blur)


def _blurred(planes: Floats, sigma: float) -> Floats:
    reach = max(1, int(np.ceil(2.0 * sigma)))
    steps = np.arange(-reach, reach + 1, dtype=np.float32)
    kernel = np.exp(-0.5 * (steps / np.float32(sigma)) ** 2)
    kernel /= kernel.sum()
    return _convolve(_convolve(planes, kernel, axis=1), kernel, axis=2)


def _convolve(planes: Floats, kernel: Floats, axis: int) -> Floats:
    before = (len(kernel) - 1) // 2
    pad = [(0, 0)] * 3
    pad[axis] = (before, len(kernel) - 1 - before)
    padded = np.pad(planes, pad, mode="edge")
    size = planes.shape[axis]
    total = np.zeros_like(planes)
    for step, weight in enumerate(kernel):
        total += weight * (padded[:, step : step + size] if axis == 1 else padded[:, :, step : step + size])
    return total


def database_sensor(rng: np.random.Generator) -> Sensor:
    """A good camera in good light."""
    return Sensor(rng.uniform(0.95, 1.05), (1.0, 1.0, 1.0), 0.45, 1, 0.012, 0.003, 0.0)


def day_sensor(rng: np.random.Generator) -> Sensor:
    """Any camera by day: under- to overexposed, with a colour cast."""
    balance = np.exp(rng.normal(0.0, 0.04, 3))
    balance /= balance.mean()
    return Sensor(
        exposure=float(np.exp(rng.normal(0.0, 0.15))),
        balance=(float(balance[0]), float(balance[1]), float(balance[2])),
        blur=rng.uniform(0.4, 0.7),
        motion=int(rng.choice([1, 1, 1, 1, 2])),
        shot_noise=rng.uniform(0.008, 0.02),
        read_noise=0.004,
        glare=0.0,
    )


def night_sensor(rng: np.random.Generator) -> Sensor:
    """Any camera by night: not enough light, much noise, glare around lamps."""
    warm = rng.normal(0.0, 0.15)
    return Sensor(
        exposure=float(np.exp(rng.normal(0.28, 0.25))),
        balance=(1.0 + 0.5 * warm, 1.0, 1.0 - 0.7 * warm),
        blur=rng.uniform(0.5, 1.0),
        motion=int(rng.choice([1, 1, 2, 3])),
        shot_noise=rng.uniform(0.025, 0.05),
        read_noise=rng.uniform(0.004, 0.012),
        glare=rng.uniform(0.1, 0.25),
    )
