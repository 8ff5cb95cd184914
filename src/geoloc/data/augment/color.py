"""Colour steps on images from 0 to 1: torchvision's functions with factors drawn from ranges."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torchvision.transforms.v2 import functional as tf

from geoloc.data.augment.step import Range, Step, check, draw


class Factor(Step):
    """Base of the steps with one factor; `adjust` is what it does to an image.

    Args:
        factor: A constant, or [low, high]; 1 changes nothing.
        p: Probability.
    """

    adjust: Callable[[torch.Tensor, float], torch.Tensor]

    def __init__(self, factor: Range, p: float = 1.0) -> None:
        super().__init__(p)
        check("factor", factor)
        self.factor = factor

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return self.adjust(x, draw(self.factor))


class Brightness(Factor):
    """factor * x."""

    adjust = staticmethod(tf.adjust_brightness)


class Contrast(Factor):
    """mean + factor * (x - mean), with the mean of the image's luma."""

    adjust = staticmethod(tf.adjust_contrast)


class Saturation(Factor):
    """luma + factor * (x - luma), pixel by pixel."""

    adjust = staticmethod(tf.adjust_saturation)


class Sharpness(Factor):
    """smooth + factor * (x - smooth), with a 3x3 smoothing filter."""

    adjust = staticmethod(tf.adjust_sharpness)


class Hue(Step):
    """Turns the colour circle.

    Args:
        shift: Part of the circle, -0.5 to 0.5; 0 changes nothing.
        p: Probability.
    """

    def __init__(self, shift: Range, p: float = 1.0) -> None:
        super().__init__(p)
        check("shift", shift, -0.5, 0.5)
        self.shift = shift

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return tf.adjust_hue(x, draw(self.shift))


class Gamma(Step):
    """gain * x ** gamma: a gamma above 1 deepens shadows, a gain below 1 takes light away.

    Args:
        gamma: 1 changes nothing.
        gain: 1 changes nothing.
        p: Probability.
    """

    def __init__(self, gamma: Range, gain: Range = 1.0, p: float = 1.0) -> None:
        super().__init__(p)
        check("gamma", gamma)
        check("gain", gain)
        self.gamma, self.gain = gamma, gain

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return tf.adjust_gamma(x, draw(self.gamma), draw(self.gain))
