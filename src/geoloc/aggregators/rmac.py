"""Regional maximum activations of convolutions.

Tolias, Sicre and Jegou, Particular Object Retrieval with Integral Max-Pooling of CNN Activations, ICLR 2016.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from geoloc.aggregators.pooling import L2, Pooling


class RMAC(Pooling):
    """Sum of the unit-length maxima of the whole map and of square regions of several sizes.

    Args:
        in_channels: C, channels of the map.
        levels: Sizes of regions; at level l a side is 2 min(h, w) / (l + 1).
        overlap: Wanted overlap of neighbouring regions, as a share of their area.
        eps: Added to lengths before division.
        l2: See `Pooling`.
    """

    def __init__(
        self, in_channels: int, levels: int = 3, overlap: float = 0.4, eps: float = 1e-6, l2: L2 = "none"
    ) -> None:
        super().__init__(in_channels, l2)
        self.levels = levels
        self.overlap = overlap
        self.eps = eps

    def pool(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) -> (B, C)."""
        total = self._unit(x.amax(dim=(2, 3)))
        for top, left, side in regions(x.shape[2], x.shape[3], self.levels, self.overlap):
            total = total + self._unit(x[:, :, top : top + side, left : left + side].amax(dim=(2, 3)))
        return total

    def _unit(self, v: torch.Tensor) -> torch.Tensor:
        return v / (v.norm(dim=1, keepdim=True) + self.eps)


def regions(height: int, width: int, levels: int = 3, overlap: float = 0.4) -> list[tuple[int, int, int]]:
    """(top, left, side) of the square regions of a map, in cells.

    At the first level they are as large as fits, and as many along the longer side as bring their overlap nearest to
    the wanted one; each further level has one more along both sides.

    Example:
        >>> regions(4, 6, levels=1)
        [(0, 0, 4), (0, 2, 4)]
    """
    short = min(height, width)
    long = max(height, width)
    # Number of regions along the longer side, 2 to 7: the overlap of n of them is 1 - (long - short) / ((n - 1) short).
    # Ties and integers are decided by rounding: single precision, in this order, is what published numbers rest on.
    extra = 0
    if long > short:
        apart = np.float32(1) / np.arange(1, 7, dtype=np.float32) * np.float32(long - short)
        overlaps = (np.float32(short**2) - np.float32(short) * apart) / np.float32(short**2)
        extra = int(np.abs(overlaps - np.float32(overlap)).argmin()) + 1
    found = []
    for level in range(1, levels + 1):
        side = math.floor(2 * short / (level + 1))
        if side == 0:
            break
        tops, lefts = (
            _starts(length, side, level + (extra if length == long and long > short else 0))
            for length in (height, width)
        )
        found += [(top, left, side) for top in tops for left in lefts]
    return found


def _starts(length: int, side: int, count: int) -> list[int]:
    """Where `count` regions of this side begin, evenly spread over the length."""
    step = (length - side) / (count - 1) if count > 1 else 0.0
    # Centres are rounded down, in single precision too.
    half = math.floor(side / 2 - 1)
    centres = np.floor(np.float32(half) + np.arange(count, dtype=np.float32) * np.float32(step))
    return [int(centre) - half for centre in centres]
