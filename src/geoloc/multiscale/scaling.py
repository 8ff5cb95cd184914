"""What a multi-scale method is, and the mean of descriptors that all of them use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import torch
import torch.nn.functional as F

# (B, 3, h, w) float32 images of values from 0 to 255 -> (B, D) descriptors, at one scale and before whitening.
Describe = Callable[[torch.Tensor], torch.Tensor]


class MultiScale(Protocol):
    """Makes one descriptor of an image from several looks at it."""

    def __call__(self, describe: Describe, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) float32 images of values from 0 to 255 -> (B, D) descriptors."""
        ...

    def sizes(self, height: int, width: int) -> dict[str, tuple[int, int]]:
        """(height, width) in pixels of each look at an image of this size, by what messages call it."""
        ...


@contextmanager
def at_scales(net: Any, multiscale: MultiScale | None) -> Iterator[None]:
    """Let a network describe images at several scales for a while; whatever happens, it has one scale afterwards.

    The mean comes before the network's whitening, which thus stays that of single scales: what is saved of a network
    does not depend on how it is tested. It is of unit length, also if the network's `unit_length` is False.

    Args:
        net: A `DescriptorNet`.
        multiscale: None for one scale.
    """
    net.multiscale = multiscale
    try:
        yield
    finally:
        net.multiscale = None


def power_mean(descriptors: Sequence[torch.Tensor], p: float) -> torch.Tensor:
    """The mean of (B, D) descriptors, of unit length whatever theirs is.

    Descriptors have negative values, so powers keep the sign: f(x) = sign(x) |x|^p of each value, the mean of these,
    and f^-1 of that. p = 1 is the plain mean; a larger p favours values that are large at some scale.

    Example:
        >>> power_mean([torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, -4.0]])], p=1).tolist()
        [[0.6000000238418579, -0.800000011920929]]
    """
    values = torch.stack(list(descriptors)).float()
    if p == 1:
        return F.normalize(values.mean(dim=0), dim=1)
    # Only ratios matter in the end; as shares of the largest value, small ones do not vanish in a high power.
    values = values / values.abs().amax(dim=(0, 2), keepdim=True).clamp_min(1e-30)
    mean = (values.sign() * values.abs().pow(p)).mean(dim=0)
    return F.normalize(mean.sign() * mean.abs().pow(1 / p), dim=1)


def check_power(p: float) -> None:
    """Refuse an exponent that is not above 0 and finite with a ValueError."""
    if not 0 < p < float("inf"):
        raise ValueError(f"p must be above 0 and finite (1: the plain mean), not {p}")
