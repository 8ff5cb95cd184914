"""What a step of an augmentation is: a change of one image, with a probability and with numbers drawn from ranges.

A step maps a (3, H, W) float image to another one. Randomness is torch's; `Augment` seeds it for each image, so that it
depends neither on the number of workers nor on the order of loading.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

# A constant, or [low, high] to draw from.
Range = float | Sequence[float]
Change = Callable[[torch.Tensor], torch.Tensor]


def draw(bounds: Range) -> float:
    """The constant, or a number drawn uniformly from [low, high]."""
    if isinstance(bounds, (int, float)):
        return float(bounds)
    low, high = bounds
    return low + (high - low) * float(torch.rand(()))


def draw_whole(bounds: Range) -> int:
    """The constant, or a whole number drawn uniformly from low to high, both included."""
    if isinstance(bounds, (int, float)):
        return int(bounds)
    return int(torch.randint(int(bounds[0]), int(bounds[1]) + 1, ()))


def happens(p: float) -> bool:
    """True with probability p."""
    return float(torch.rand(())) < p


def check(name: str, bounds: Range, least: float = 0.0, most: float = math.inf) -> None:
    """Refuse what is neither a number nor [low, high] with least <= low <= high <= most.

    Raises:
        ValueError: Names it.
    """
    values = [bounds, bounds] if isinstance(bounds, (int, float)) else list(bounds)
    if len(values) != 2 or not least <= values[0] <= values[-1] <= most:
        limits = f"{least:g} <= low <= high" + (f" <= {most:g}" if most < math.inf else "")
        raise ValueError(f"{name} must be a number or [low, high] with {limits}, not {bounds}")


def check_whole(name: str, bounds: Range, least: float = 0.0, most: float = math.inf) -> None:
    """As `check`, of whole numbers.

    Raises:
        ValueError: Names it.
    """
    check(name, bounds, least, most)
    if any(value != int(value) for value in ([bounds] if isinstance(bounds, (int, float)) else bounds)):
        raise ValueError(f"{name} must be whole numbers, not {bounds}")


class Step:
    """Base of the steps: `change` is applied with probability `p`.

    Args:
        p: Probability, 0 to 1.
    """

    def __init__(self, p: float = 1.0) -> None:
        check("p", p, most=1)
        self.p = p

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """(3, H, W) float -> the same shape."""
        return self.change(x) if happens(self.p) else x

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """What the step does."""
        raise NotImplementedError


class Chain(Step):
    """Steps one after the other; all or none of them.

    Args:
        steps: In the order in which they are applied.
        p: Probability.
    """

    def __init__(self, steps: Sequence[Change], p: float = 1.0) -> None:
        super().__init__(p)
        self.steps = list(steps)

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        for step in self.steps:
            x = step(x)
        return x


class Blend(Step):
    """(1 - share) x + share * step(x): in linear light, two exposures on one photo.

    Args:
        step: What is mixed in.
        share: 0 to 1.
        p: Probability.
    """

    def __init__(self, step: Change, share: Range, p: float = 1.0) -> None:
        super().__init__(p)
        check("share", share, most=1)
        self.step, self.share = step, share

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return torch.lerp(x, self.step(x), draw(self.share))


def luma(x: torch.Tensor) -> torch.Tensor:
    """(3, H, W) -> (1, H, W), weights of ITU-R BT.601 as in torchvision and Pillow."""
    return (x * x.new_tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(dim=0, keepdim=True)
