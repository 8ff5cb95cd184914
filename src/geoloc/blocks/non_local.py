"""Non-local blocks: every position of the map looks at every other one.

Wang et al., Non-local Neural Networks, CVPR 2018; the embedded Gaussian form, without batch norm.
"""

from __future__ import annotations

import torch
from torch import nn

from geoloc.features import Features
from geoloc.modes import full_precision


class NonLocal(nn.Module):
    """`count` blocks, each with parameters of its own, one after the other.

    Memory and time grow with the square of the number of positions (1200 at 480 x 640 and stride 16).

    Args:
        in_channels: C, channels of the map.
        count: Number of blocks.
        bottleneck: Channels of query, key and value.
        zero: Start as the identity, as the paper does; False perturbs the features of a pretrained backbone.
    """

    def __init__(self, in_channels: int, count: int = 1, bottleneck: int = 128, zero: bool = True) -> None:
        super().__init__()
        if count < 1 or bottleneck < 1:
            raise ValueError(f"count ({count}) and bottleneck ({bottleneck}) must be at least 1")
        self.blocks = nn.Sequential(*(Block(in_channels, bottleneck, zero) for _ in range(count)))

    def forward(self, features: Features) -> Features:
        """Map (B, C, h, w) -> map of the same shape; a class token passes unchanged."""
        return features._replace(map=self.blocks(features.map))


class Block(nn.Module):
    """x + out(softmax(query . key) value), over the positions of the map; no division by the root of the width."""

    def __init__(self, channels: int, bottleneck: int, zero: bool) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Conv2d(channels, bottleneck, 1) for _ in range(3))
        self.out = nn.Conv2d(bottleneck, channels, 1)
        if zero:
            for parameter in self.out.parameters():
                nn.init.zeros_(parameter)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) -> (B, C, h, w)."""
        query, key, value = (layer(x).flatten(2) for layer in (self.query, self.key, self.value))  # (B, b, P) each
        # In half precision the products, which nothing divides, would lose digits or overflow.
        with full_precision(x):
            attention = torch.softmax(query.float().transpose(1, 2) @ key.float(), dim=2).to(value.dtype)  # (B, P, P)
        return x + self.out((value @ attention.transpose(1, 2)).unflatten(2, x.shape[2:]))
