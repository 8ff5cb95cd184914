"""Convolutions that pad as TensorFlow does, in a form whose sizes can be followed by torch.export.

timm works the padding out by divisions and maxima. Those of a map depend on those of the map before, and after five of
them solving for the sizes of an image takes many minutes. The same number of pixels follows from whether a size is odd.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn


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
        left, right = (width - 3) // 2 + x.shape[3] % 2, (width - 1) // 2
        top, bottom = (height - 3) // 2 + x.shape[2] % 2, (height - 1) // 2
        x = F.pad(x, (left, right, top, bottom))
        return F.conv2d(x, conv.weight, conv.bias, conv.stride, 0, conv.dilation, conv.groups)


def replace_same_padding(module: nn.Module) -> None:
    """Put `SamePadding` in the place of timm's convolutions inside a module; it computes the same to the last bit."""
    for name, child in module.named_children():
        if type(child).__name__ == "Conv2dSame" and _fits(child):
            setattr(module, name, SamePadding(child))
        else:
            replace_same_padding(child)


def _fits(conv: Any) -> bool:
    odd = all(side >= 3 and side % 2 == 1 for side in conv.kernel_size)
    return odd and conv.stride == (2, 2) and conv.dilation == (1, 1)
