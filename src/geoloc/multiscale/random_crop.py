"""Several parts of the image, at the same places in every image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from geoloc.multiscale.scaling import Describe, check_power, power_mean


@dataclass(frozen=True)
class RandomCrop:
    """Describe crops of an image, and take the power mean of the descriptors, at unit length.

    The places are drawn once and are those of every image, of database and queries alike; a run can be repeated. The
    whole image is not among them.

    Args:
        count: Crops.
        height: Of a crop, as a share of the image's.
        width: Likewise.
        p: See `power_mean`.
        seed: Of the places; not that of the training, so that two networks are tested alike.
    """

    count: int = 5
    height: float = 2 / 3
    width: float = 430 / 640
    p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count must be at least 1, not {self.count}")
        for name in ("height", "width"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} must be a share of the image's, above 0 and at most 1")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, not {self.seed}: both sides need the same places")
        check_power(self.p)

    def __call__(self, describe: Describe, images: torch.Tensor) -> torch.Tensor:
        """See `MultiScale`."""
        places = self.places(*images.shape[-2:])
        return power_mean([describe(images[..., rows, columns]) for rows, columns in places], self.p)

    def places(self, height: int, width: int) -> list[tuple[slice, slice]]:
        """Rows and columns of each crop of an image of this size, which all places within it are equally likely for."""
        h, w = self._size(height, width)
        drawn = np.random.default_rng(self.seed).random((self.count, 2)) * (height - h + 1, width - w + 1)
        return [(slice(top, top + h), slice(left, left + w)) for top, left in drawn.astype(int).tolist()]

    def sizes(self, height: int, width: int) -> dict[str, tuple[int, int]]:
        """See `MultiScale`."""
        return {f"a share of {self.height:.4g} x {self.width:.4g}": self._size(height, width)}

    def _size(self, height: int, width: int) -> tuple[int, int]:
        return round(height * self.height), round(width * self.width)
