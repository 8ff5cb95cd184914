"""Geometric steps. All draws are shares of the image's size, so equal draws mean the same for images of any size."""

from __future__ import annotations

import math

import torch
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as tf

from geoloc.data.augment.step import Range, Step, check, draw


class Flip(Step):
    """Mirrors left and right. Only for a whole tuple: a street and its mirror image are not the same place."""

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return tf.horizontal_flip(x)


class Perspective(Step):
    """Moves each corner inwards by at most half of `distortion` of the sides; what is uncovered is black.

    Args:
        distortion: 0 to 1; 0 changes nothing.
        p: Probability.
    """

    def __init__(self, distortion: Range, p: float = 0.5) -> None:
        super().__init__(p)
        check("distortion", distortion, most=1)
        self.distortion = distortion

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        height, width = x.shape[1:]
        if min(height, width) < 2:  # a line has no corners
            return x
        inwards = torch.rand(4, 2) * draw(self.distortion) / 2  # corner, (right, down)
        corners = torch.tensor([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=torch.float32)
        moved = corners + inwards * (1 - 2 * corners)
        scale = torch.tensor([width - 1, height - 1])
        start, end = ((points * scale).round().int().tolist() for points in (corners, moved))
        try:
            return tf.perspective(x, start, end, interpolation=InterpolationMode.BILINEAR)
        except torch.linalg.LinAlgError:  # so strong that three corners have met on a line
            return x


class ResizedCrop(Step):
    """Cuts a part out and scales it to the whole image's size.

    Args:
        area: Share of the image that is kept.
        ratio: Of the part's width to height, relative to the image's own; drawn in logarithms.
        p: Probability.
    """

    def __init__(self, area: Range, ratio: Range = (0.75, 1.33), p: float = 1.0) -> None:
        super().__init__(p)
        check("area", area, 0.01, 1)
        check("ratio", ratio, 0.1, 10)
        self.area = area
        self.ratio = [math.log(float(ratio))] * 2 if isinstance(ratio, (int, float)) else [math.log(r) for r in ratio]

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        height, width = x.shape[1:]
        side, skew = math.sqrt(draw(self.area)), math.exp(draw(self.ratio) / 2)
        wide, high = min(1.0, side * skew), min(1.0, side / skew)
        left, top = ((1 - share) * float(torch.rand(())) for share in (wide, high))
        box = (round(top * height), round(left * width), max(1, round(high * height)), max(1, round(wide * width)))
        return tf.resized_crop(x, *box, size=[height, width], antialias=True)


class Rotation(Step):
    """Turns about the centre; the corners become black.

    Args:
        degrees: Counter-clockwise.
        p: Probability.
    """

    def __init__(self, degrees: Range, p: float = 1.0) -> None:
        super().__init__(p)
        check("degrees", degrees, -180, 180)
        self.degrees = degrees

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return tf.rotate(x, draw(self.degrees), interpolation=InterpolationMode.BILINEAR)
