"""Augmentation of training queries: small steps, each with a range and a probability.

A step maps a (3, H, W) float image in 0..1 to another one. Randomness is torch's; the dataset seeds it for each image
from (seed, epoch, query), so that it depends neither on the number of workers nor on the order of loading.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

Step = Callable[[torch.Tensor], torch.Tensor]
Range = Sequence[float]


def uniform(bounds: Range) -> float:
    """A number drawn uniformly from [low, high].

    Raises:
        ValueError: Not two numbers in ascending order.
    """
    low, high = bounds
    return low + (high - low) * float(torch.rand(()))


def check_range(name: str, bounds: Range, least: float = 0.0) -> None:
    """Refuse a range that is not [low, high] with least <= low <= high.

    Raises:
        ValueError: Names the range.
    """
    if len(bounds) != 2 or not least <= bounds[0] <= bounds[1]:
        raise ValueError(f"{name} must be [low, high] with {least:g} <= low <= high, not {list(bounds)}")


class Chain:
    """Steps one after another on a uint8 image, each with its own probability.

    Args:
        steps: In the order in which they are applied.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = list(steps)

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        """(3, H, W) uint8 -> (3, H, W) uint8."""
        x = image.float() / 255
        for step in self.steps:
            x = step(x)
        return (x.clamp(0, 1) * 255).round().to(torch.uint8)


class Sometimes:
    """Base of the steps: `change` is applied with probability `p`.

    Args:
        p: Probability, 0 to 1.
    """

    def __init__(self, p: float) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"p must lie in 0..1, not {p}")
        self.p = p

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """(3, H, W) float in 0..1 -> the same shape, clamped to 0..1."""
        return self.change(x).clamp(0, 1) if float(torch.rand(())) < self.p else x

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """What the step does."""
        raise NotImplementedError


class Exposure(Sometimes):
    """gain * x^gamma: a gamma above 1 deepens shadows, a gain below 1 takes light away.

    Args:
        gain: [low, high], 1 changes nothing.
        gamma: [low, high], 1 changes nothing.
        p: Probability.
    """

    def __init__(self, gain: Range, gamma: Range, p: float = 1.0) -> None:
        super().__init__(p)
        check_range("gain", gain)
        check_range("gamma", gamma)
        self.gain, self.gamma = gain, gamma

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return uniform(self.gain) * x ** uniform(self.gamma)


class Contrast(Sometimes):
    """Pulls every pixel towards (factor below 1) or away from the image's mean grey.

    Args:
        factor: [low, high], 1 changes nothing.
        p: Probability.
    """

    def __init__(self, factor: Range, p: float = 1.0) -> None:
        super().__init__(p)
        check_range("factor", factor)
        self.factor = factor

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        mean = grey(x).mean()
        return mean + uniform(self.factor) * (x - mean)


class Saturation(Sometimes):
    """Pulls every pixel towards (factor below 1) or away from its own grey.

    Args:
        factor: [low, high], 1 changes nothing.
        p: Probability.
    """

    def __init__(self, factor: Range, p: float = 1.0) -> None:
        super().__init__(p)
        check_range("factor", factor)
        self.factor = factor

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        base = grey(x)
        return base + uniform(self.factor) * (x - base)


class ColourCast(Sometimes):
    """Multiplies the three channels, as lamps of another colour than daylight do.

    Args:
        red: [low, high].
        green: [low, high].
        blue: [low, high].
        p: Probability.
    """

    def __init__(self, red: Range, green: Range, blue: Range, p: float = 1.0) -> None:
        super().__init__(p)
        for name, bounds in (("red", red), ("green", green), ("blue", blue)):
            check_range(name, bounds)
        self.channels = (red, green, blue)

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return x * torch.tensor([uniform(bounds) for bounds in self.channels]).view(3, 1, 1)


class Noise(Sometimes):
    """Adds Gaussian noise, independent for each pixel and channel.

    Args:
        sigma: [low, high] standard deviation, in units of the full range 0..1.
        p: Probability.
    """

    def __init__(self, sigma: Range, p: float = 1.0) -> None:
        super().__init__(p)
        check_range("sigma", sigma)
        self.sigma = sigma

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return x + uniform(self.sigma) * torch.randn_like(x)


def grey(x: torch.Tensor) -> torch.Tensor:
    """(3, H, W) -> (1, H, W), weights of ITU-R BT.601."""
    return (x * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(dim=0, keepdim=True)
