"""Average pooling refined by a residual block of two layers.

Kordopatis-Zilos et al., Leveraging EfficientNet and Contrastive Learning for Accurate Global-scale Location Estimation,
ICMR 2021.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from geoloc.features import Features


class RRM(nn.Module):
    """Residual retrieval module: mean -> LayerNorm -> (linear, ReLU, linear) + identity -> LayerNorm -> unit length.

    Args:
        in_channels: C, channels of the map.

    Attributes:
        out_dim: C.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.out_dim = in_channels
        self.before = nn.LayerNorm(in_channels)
        self.first = nn.Linear(in_channels, in_channels)
        self.second = nn.Linear(in_channels, in_channels)
        self.after = nn.LayerNorm(in_channels)

    def forward(self, features: Features) -> torch.Tensor:
        """Map (B, C, h, w) -> (B, C) of unit length."""
        x = self.before(features.map.float().mean(dim=(2, 3)))
        x = self.after(x + self.second(torch.relu(self.first(x))))
        return F.normalize(x.float(), dim=1)
