"""The whole image at several scales.

As Radenovic, Tolias and Chum, Fine-tuning CNN Image Retrieval with No Human Annotation, TPAMI 2019, test it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from geoloc.multiscale.scaling import Describe, check_power, power_mean


@dataclass(frozen=True)
class Pyramid:
    """Describe an image at each scale, and take the power mean of the descriptors, at unit length.

    The order of the scales does not matter. The one scale 1 is no multi-scale: the descriptor is what it is without,
    to the last bit. Images are resized bilinearly with antialiasing and are not rounded to whole numbers.

    Args:
        scales: Times the height and width that the network gets otherwise.
        p: See `power_mean`.
    """

    scales: Sequence[float]
    p: float = 1.0

    def __post_init__(self) -> None:
        if not self.scales or not all(0 < scale < math.inf for scale in self.scales):
            raise ValueError(f"scales must be factors above 0, such as [1.0, 0.7], not {list(self.scales)}")
        if len(set(self.scales)) < len(self.scales):
            raise ValueError(f"scales must differ, not {list(self.scales)}")
        check_power(self.p)
        object.__setattr__(self, "scales", sorted(self.scales))  # sums round by their order

    def __call__(self, describe: Describe, images: torch.Tensor) -> torch.Tensor:
        """See `MultiScale`."""
        if self.scales == [1]:
            return describe(images)
        height, width = images.shape[-2:]
        return power_mean(
            [describe(_resized(images, scaled(height, width, scale))) for scale in self.scales],
            self.p,
        )

    def sizes(self, height: int, width: int) -> dict[str, tuple[int, int]]:
        """See `MultiScale`."""
        return {f"scale {scale:.4g}": scaled(height, width, scale) for scale in self.scales}


def scaled(height: int, width: int, scale: float) -> tuple[int, int]:
    """A size times a factor, in whole pixels.

    Example:
        >>> scaled(480, 640, 1 / 1.2)
        (400, 533)
    """
    return round(height * scale), round(width * scale)


def _resized(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    if images.shape[-2:] == size:
        return images
    return F.interpolate(images, size, mode="bilinear", antialias=True)
