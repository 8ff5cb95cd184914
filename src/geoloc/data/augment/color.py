"""Colour steps on images from 0 to 1: torchvision's functions with factors drawn from ranges."""

from __future__ import annotations

import torch
from torchvision.transforms.v2 import functional as tf

from geoloc.data.augment.step import Range, Step, check, draw


class Factor(Step):
    """Base of the steps with one factor.

    Args:
        factor: A constant, or [low, high]; 1 changes nothing.
        p: Probability.
    """

    least, most = 0.0, float("inf")

    def __init__(self, factor: Range, p: float = 1.0) -> None:
        super().__init__(p)
        check("factor", factor, self.least, self.most)
        self.factor = factor


class Brightness(Factor):
    """factor * x."""

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return tf.adjust_brightness(x, draw(self.factor))


class Contrast(Factor):
    """mean + factor * (x - mean), with the mean of the image's luma."""

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return tf.adjust_contrast(x, draw(self.factor))


class Saturation(Factor):
    """luma + factor * (x - luma), pixel by pixel."""

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return tf.adjust_saturation(x, draw(self.factor))


class Sharpness(Factor):
    """smooth + factor * (x - smooth), with a 3x3 smoothing filter."""

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return tf.adjust_sharpness(x, draw(self.factor))


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
