"""MixVPR: multilayer perceptrons mix the positions of each channel's map, and two projections make it short.

Ali-bey, Chaib-draa and Giguere, MixVPR: Feature Mixing for Visual Place Recognition, WACV 2023.
"""

from __future__ import annotations

from math import isfinite

import torch
import torch.nn.functional as F
from torch import nn

from geoloc.errors import InputError
from geoloc.features import Features


class MixVPR(nn.Module):
    """Each channel's map, read as a row of P positions, is mixed `depth` times; then P -> rows and C -> channels.

    Every position has weights of its own, so that the network describes images of one size alone.

    Args:
        in_channels: C, channels of the map.
        cells: (h, w) of the map; P = h * w.
        channels: What C is projected to.
        rows: What P is projected to.
        depth: Mixing layers, one after the other.
        ratio: Width of a mixing layer's hidden values, as a multiple of P.

    Attributes:
        out_dim: channels * rows.
        one_size: The map must be of the size that it was built for.
    """

    one_size = True

    def __init__(
        self,
        in_channels: int,
        cells: tuple[int, int],
        channels: int = 1024,
        rows: int = 4,
        depth: int = 4,
        ratio: float = 1.0,
    ) -> None:
        super().__init__()
        self.cells = tuple(cells)
        positions = cells[0] * cells[1]
        hidden = int(ratio * positions) if isfinite(ratio) else 0
        if min(channels, rows, hidden) < 1 or depth < 0:
            raise InputError(
                f"aggregator: MixVPR takes channels, rows and ratio above 0 and depth from 0, not channels={channels},"
                f" rows={rows}, ratio={ratio:g}, depth={depth}"
            )
        self.mixers = nn.ModuleList(Mixer(positions, hidden) for _ in range(depth))
        self.to_channels = nn.Linear(in_channels, channels)
        self.to_rows = nn.Linear(positions, rows)
        self.out_dim = channels * rows

    def forward(self, features: Features) -> torch.Tensor:
        """Map (B, C, h, w) -> (B, channels * rows) of unit length.

        Raises:
            ValueError: A map of another size.
        """
        size = tuple(features.map.shape[2:])
        if size != self.cells:
            raise ValueError(f"MixVPR was built for maps of {self.cells} cells, not {size}")
        x = features.map.flatten(2)  # (B, C, P)
        for mixer in self.mixers:
            x = mixer(x)
        x = self.to_channels(x.transpose(1, 2)).transpose(1, 2)  # (B, channels, P)
        return F.normalize(self.to_rows(x).flatten(1).float(), dim=1)


class Mixer(nn.Module):
    """LayerNorm -> linear, ReLU, linear over the positions, added to what came in."""

    def __init__(self, positions: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(positions)
        self.first = nn.Linear(positions, hidden)
        self.second = nn.Linear(hidden, positions)
        for layer in (self.first, self.second):  # nearly the identity at the start
            nn.init.trunc_normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, P) -> (B, C, P)."""
        return x + self.second(torch.relu(self.first(self.norm(x))))
