"""Maximum activations of convolutions.

Razavian et al., Visual Instance Retrieval with Deep Convolutional Networks, ITE Trans. MTA 2016; the name is that of
Tolias et al., ICLR 2016.
"""

from __future__ import annotations

import torch

from geoloc.aggregators.pooling import Pooling


class MAC(Pooling):
    """Maximum over all positions, a channel.

    Args:
        in_channels: C, channels of the map.
        l2: See `Pooling`.
    """

    def pool(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) -> (B, C)."""
        return x.amax(dim=(2, 3))
