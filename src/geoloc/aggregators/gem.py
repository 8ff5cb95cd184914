"""Generalised-mean pooling.

Radenovic et al., Fine-tuning CNN Image Retrieval with No Human Annotation, TPAMI 2019.
"""

from __future__ import annotations

import torch
from torch import nn

from geoloc.features import Features


class GeM(nn.Module):
    """The p-th root of the mean of the p-th powers: p = 1 is the average, a large p nearly the maximum.

    Args:
        in_channels: C, channels of the map.
        p: Start value of the exponent, which is learned.
        eps: Smallest activation that is counted.

    Attributes:
        out_dim: C.
    """

    def __init__(self, in_channels: int, p: float = 3.0, eps: float = 1e-6) -> None:
        super().__init__()
        self.out_dim = in_channels
        self.p = nn.Parameter(torch.tensor([float(p)]))
        self.eps = eps

    def forward(self, features: Features) -> torch.Tensor:
        """Map (B, C, h, w) -> (B, C)."""
        # Powers overflow and lose digits in half precision, so they are always taken in float32.
        x = features.map.float().clamp_min(self.eps)
        return x.pow(self.p).mean(dim=(2, 3)).pow(1 / self.p)
