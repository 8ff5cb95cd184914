"""The class token of a transformer as the image's vector.

Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021.
"""

from __future__ import annotations

import torch
from torch import nn

from geoloc.features import Features


class Cls(nn.Module):
    """Takes the class token and leaves the map aside.

    Args:
        in_channels: C, channels of the token.

    Attributes:
        out_dim: C.
        needs_cls: Backbones without a class token are refused.
    """

    needs_cls = True

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.out_dim = in_channels

    def forward(self, features: Features) -> torch.Tensor:
        """Class token (B, C) -> (B, C)."""
        assert features.cls is not None
        return features.cls
