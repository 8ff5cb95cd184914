"""Sequence pooling: a learned weighting of all tokens.

Hassani et al., Escaping the Big Data Paradigm with Compact Transformers, 2021 (arXiv 2104.05704).
"""

from __future__ import annotations

import torch
from torch import nn

from geoloc.features import Features


class SeqPool(nn.Module):
    """Mean of the local features, weighted by the softmax over positions of a learned linear score.

    Args:
        in_channels: C, channels of the map.

    Attributes:
        out_dim: C.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.out_dim = in_channels
        self.attention_pool = nn.Linear(in_channels, 1)

    def forward(self, features: Features) -> torch.Tensor:
        """Map (B, C, h, w) -> (B, C)."""
        tokens = features.map.flatten(2).transpose(1, 2)  # (B, P, C)
        weights = torch.softmax(self.attention_pool(tokens).float(), dim=1)  # (B, P, 1)
        return (weights * tokens).sum(dim=1)
