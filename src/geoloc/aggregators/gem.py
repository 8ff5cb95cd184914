"""Generalised-mean pooling.

Radenovic et al., Fine-tuning CNN Image Retrieval with No Human Annotation, TPAMI 2019.
"""

from __future__ import annotations

import torch
from torch import nn

from geoloc.aggregators.pooling import L2, Pooling


class GeM(Pooling):
    """The p-th root of the mean of the p-th powers: p = 1 is the average, a large p nearly the maximum.

    Args:
        in_channels: C, channels of the map.
        p: Start value of the exponent, which is learned.
        eps: Smallest activation that is counted.
        l2: See `Pooling`.

    Attributes:
        out_dim: C.
    """

    def __init__(self, in_channels: int, p: float = 3.0, eps: float = 1e-6, l2: L2 = "none") -> None:
        super().__init__(in_channels, l2)
        self.p = nn.Parameter(torch.tensor([float(p)]))
        self.eps = eps

    def pool(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) -> (B, C)."""
        return x.clamp_min(self.eps).pow(self.p).mean(dim=(2, 3)).pow(1 / self.p)
