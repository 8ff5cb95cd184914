"""The PatchGAN discriminator of pix2pix: judges overlapping patches of 70 x 70 pixels, each by itself.

Isola et al., CVPR 2017, section 3.2.2 and 6.1.2.
"""

from __future__ import annotations

import torch
from torch import nn


class PatchDiscriminator(nn.Module):
    """Tells pairs (day, real night) from pairs (day, translated day).

    Args:
        width: Channels of the first layer, 64 in the paper.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(6, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for channels, stride in ((width, 2), (2 * width, 2), (4 * width, 1)):
            layers += [
                nn.Conv2d(channels, 2 * channels, 4, stride, padding=1, bias=False),
                nn.BatchNorm2d(2 * channels),
                nn.LeakyReLU(0.2),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, padding=1))

    def forward(self, day: torch.Tensor, night: torch.Tensor) -> torch.Tensor:
        """Two (B, 3, H, W) in -1..1 -> (B, 1, H / 8 - 2, W / 8 - 2) logits, above 0 for real."""
        return self.layers(torch.cat([day, night], 1))
