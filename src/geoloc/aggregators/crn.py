"""Contextual reweighting network: NetVLAD whose local features are weighted by what lies around them.

Kim, Dunn and Frahm, Learned Contextual Feature Reweighting for Image Geo-Localization, CVPR 2017.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from geoloc.aggregators.netvlad import NetVLAD
from geoloc.features import Features


class CRN(NetVLAD):
    """NetVLAD with a mask over the positions, which multiplies the assignment. Starts from a trained NetVLAD network.

    Args:
        in_channels: C, channels of the map.
        clusters: K.

    Attributes:
        out_dim: K * C.
        starts_from: Whose parameters it takes over; `fresh` begins the names of those that it has besides.
    """

    starts_from = NetVLAD
    fresh = "mask."

    def __init__(self, in_channels: int, clusters: int = 64) -> None:
        super().__init__(in_channels, clusters)
        self.mask = Mask(in_channels)

    def weights(self, features: Features) -> torch.Tensor:
        """Map (B, C, h, w) -> (B, P, 1)."""
        return self.mask(F.normalize(features.map, dim=1)).flatten(2).transpose(1, 2)


class Mask(nn.Module):
    """How much every position counts: context of three sizes at half the resolution, added up and scaled back.

    Args:
        in_channels: C, channels of the map.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.filters = nn.ModuleList(
            nn.Conv2d(in_channels, count, side, padding=side // 2) for side, count in ((3, 32), (5, 32), (7, 20))
        )
        for parameter in self.parameters():
            nn.init.xavier_normal_(parameter) if parameter.ndim == 4 else nn.init.zeros_(parameter)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) -> (B, 1, h, w), not negative."""
        half = F.avg_pool2d(x, 3, stride=2, ceil_mode=True)
        context = torch.cat([layer(half) for layer in self.filters], dim=1).relu()  # (B, 84, h', w')
        # The sum is a 1x1 convolution whose weights stay 1.
        mask = context.sum(dim=1, keepdim=True)
        return F.interpolate(mask, size=x.shape[2:], mode="bilinear", align_corners=False)
