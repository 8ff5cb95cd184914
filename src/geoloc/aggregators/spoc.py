"""Sum pooling, here as the mean, which has the same direction.

Babenko and Lempitsky, Aggregating Deep Convolutional Features for Image Retrieval, ICCV 2015.
"""

from __future__ import annotations

import torch

from geoloc.aggregators.pooling import L2, Pooling


class SPoC(Pooling):
    """Mean over all positions.

    Args:
        in_channels: C, channels of the map.
        l2: See `Pooling`.
    """

    def __init__(self, in_channels: int, l2: L2 = "none") -> None:
        super().__init__(in_channels, l2)

    def pool(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) -> (B, C)."""
        return x.mean(dim=(2, 3))
