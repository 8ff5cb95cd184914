"""A trained linear projection of the aggregated vector."""

from __future__ import annotations

import torch
from torch import nn


class FC(nn.Module):
    """(B, in_dim) -> (B, dim); the descriptor gets unit length afterwards.

    Args:
        in_dim: Values of the aggregator's vector.
        dim: Values of the descriptor.

    Attributes:
        out_dim: dim.
    """

    def __init__(self, in_dim: int, dim: int = 512) -> None:
        super().__init__()
        if dim < 1:
            raise ValueError(f"dim must be at least 1, not {dim}")
        self.out_dim = dim
        self.linear = nn.Linear(in_dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, in_dim) -> (B, dim)."""
        return self.linear(x)
