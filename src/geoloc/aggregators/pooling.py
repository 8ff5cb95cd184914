"""What the pooling aggregators share: the benchmark's choice of where local features are normalised."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from geoloc.features import Features

L2 = Literal["none", "before_pool", "after_pool"]


class Pooling(nn.Module):
    """Base of aggregators that keep the channels: pools a map (B, C, h, w) to (B, C).

    Args:
        in_channels: C.
        l2: "none"; "before_pool": local features get unit length first, as in the CVPR 2022 benchmark; "after_pool":
            the pooled vector does, which matters only before a head, since descriptors end in unit length anyway.

    Attributes:
        out_dim: C.
    """

    def __init__(self, in_channels: int, l2: L2 = "none") -> None:
        super().__init__()
        self.out_dim = in_channels
        self.l2 = l2

    def pool(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) float32 -> (B, C)."""
        raise NotImplementedError

    def forward(self, features: Features) -> torch.Tensor:
        """Map (B, C, h, w) -> (B, C)."""
        x = features.map.float()  # sums over many positions lose digits in half precision
        pooled = self.pool(F.normalize(x, dim=1) if self.l2 == "before_pool" else x)
        return F.normalize(pooled, dim=1) if self.l2 == "after_pool" else pooled
