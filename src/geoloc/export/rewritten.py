"""Layers in a form whose sizes torch.export can follow, with the same numbers to the last bit.

Convolutions that pad as TensorFlow does: timm works the padding out by divisions and maxima. Those of a map depend on
those of the map before, and after five of them solving for the sizes of an image takes many minutes. The same number of
pixels follows from whether a size is odd.

ReLU6: exporters take hardtanh apart, and compare the sizes of each part, which takes a minute in a network of fifty.

Max pooling: torch before 2.13 asks for the remainder of a size by the stride, and the graph then refuses sizes whose
remainder is 0 where that of the first images was not.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

FOLLOWS_POOLING = torch.__version__ >= "2.13"  # compared as versions, not as strings


class SamePadding(nn.Module):
    """A convolution of stride 2 and an odd kernel k: pads k - 2 pixels of even sizes and k - 1 of odd ones.

    Args:
        conv: Whose weights are used.
    """

    def __init__(self, conv: Any) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, c, h, w) -> (B, C, ceil(h / 2), ceil(w / 2))."""
        (height, width), conv = self.conv.kernel_size, self.conv
        left, right = (width - 3) // 2 + _odd(x.shape[3]), (width - 1) // 2
        top, bottom = (height - 3) // 2 + _odd(x.shape[2]), (height - 1) // 2
        x = F.pad(x, (left, right, top, bottom))
        return F.conv2d(x, conv.weight, conv.bias, conv.stride, 0, conv.dilation, conv.groups)


def _odd(size: int) -> int:
    """1 if a size is odd, else 0: as a difference, since then sizes of maps come to `(size + 1) // 2` and no more."""
    return 2 * ((size + 1) // 2) - size


class Clamp(nn.Module):
    """ReLU6 as one operation, which exporters keep."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Of any shape."""
        return x.clamp(0, 6)


class EveryPool(nn.Module):
    """Max pooling at every pixel, of which those a stride apart are kept.

    Args:
        pool: Whose kernel, stride and padding are used.
    """

    def __init__(self, pool: nn.MaxPool2d) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) -> (B, C, h', w') as the pooling itself."""
        pool = self.pool
        down, right = pool.stride if isinstance(pool.stride, tuple) else (pool.stride, pool.stride)
        return F.max_pool2d(x, pool.kernel_size, 1, pool.padding, pool.dilation)[:, :, ::down, ::right]


def rewrite(module: nn.Module) -> None:
    """Put these layers in the place of those inside a module that torch.export cannot follow."""
    for name, child in module.named_children():
        if type(child).__name__ == "Conv2dSame" and _fits(child):
            setattr(module, name, SamePadding(child))
        elif type(child) is nn.MaxPool2d and not (FOLLOWS_POOLING or child.ceil_mode or child.return_indices):
            setattr(module, name, EveryPool(child))
        elif type(child) is nn.ReLU6:
            setattr(module, name, Clamp())
        else:
            rewrite(child)


def _fits(conv: Any) -> bool:
    odd = all(side >= 3 and side % 2 == 1 for side in conv.kernel_size)
    return odd and conv.stride == (2, 2) and conv.dilation == (1, 1)
