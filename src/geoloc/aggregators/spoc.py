"""Sum pooling, here as the mean, which has the same direction.

Babenko and Lempitsky, Aggregating Deep Convolutional Features for Image Retrieval, ICCV 2015.
"""

from __future__ import annotations

import torch

from geoloc.aggregators.pooling import Pooling


class SPoC(Pooling):
    """Mean over all positions.

    Args:
        in_channels: C, channels of the map.
        l2: See `Pooling`.
    """

    def pool(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) -> (B, C)."""
        return x.mean(dim=(2, 3))
