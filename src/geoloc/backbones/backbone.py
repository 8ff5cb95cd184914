"""What all backbones share: frozen parts that stay frozen, and the sizes of images that they take."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile

import torch
from torch import nn

from geoloc.errors import InputError
from geoloc.features import Features


class Backbone(nn.Module):
    """Base of the backbones: maps (B, 3, H, W) normalised images to `Features`.

    Attributes:
        mean: Of the images that it expects, a channel, for values from 0 to 1.
        std: Likewise.
        out_channels: C of the map.
        stride: Pixels a cell of the map.
        has_cls: Whether `Features.cls` is given.
        frozen: Parts that are not trained and whose batch norm and dropout stay in eval mode.
        fixed_statistics: Batch norm keeps the means and variances that it came with, also in parts that are trained.
        of_aggregator: Start values by name that came with the weights, for the aggregator that has these names.
    """

    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    out_channels: int
    stride: int
    has_cls: bool = False

    def __init__(self) -> None:
        super().__init__()
        self.frozen: list[nn.Module] = []
        self.fixed_statistics = False
        self.of_aggregator: dict[str, torch.Tensor] = {}

    def keep_fixed(self, parts: Iterable[nn.Module]) -> None:
        """Freeze these parts for good."""
        self.frozen = list(parts)
        for part in self.frozen:
            part.requires_grad_(False)

    def train(self, mode: bool = True) -> Backbone:
        """Set the mode of all but the frozen parts, and batch norm of fixed statistics, which stay in eval mode."""
        super().train(mode)
        for part in self.frozen:
            part.eval()
        if self.fixed_statistics:
            for part in self.modules():
                if isinstance(part, nn.modules.batchnorm._BatchNorm):
                    part.eval()
        return self

    def in_order(self) -> list[nn.Module]:
        """The layers, if the backbone is nothing but one after the other; else an empty list."""
        return []

    def parted(self) -> tuple[nn.Sequential, nn.Sequential] | None:
        """The backbone in two: its first layers as far as they are frozen, and the rest, which shares its weights.

        Returns:
            (images -> maps, maps -> `Features`), whose chain is the backbone to the last bit; None if the first layer
            is trained, or the backbone is no mere sequence of layers.
        """
        layers = self.in_order()
        count = len(list(takewhile(lambda layer: any(layer is part for part in self.frozen), layers)))
        return (nn.Sequential(*layers[:count]), _Last(*layers[count:])) if count else None

    @property
    def last_block(self) -> nn.Module | None:
        """What maps (B, n, C) tokens, the map's cells at the end, to those of the map and the class token, if known."""
        return None

    def check_size(self, height: int, width: int) -> None:
        """Make sure that images of this size in pixels can be taken; a CNN takes all that leave it a map.

        Raises:
            InputError: Says which sizes can.
        """
        if min(height, width) < self.stride:
            raise InputError(f"image_size: must be at least {self.stride} pixels a side, not {[height, width]}")


class _Last(nn.Sequential):
    """The last layers of a backbone."""

    def forward(self, maps: torch.Tensor) -> Features:
        """(B, c, h, w) maps of the layers before -> `Features`."""
        return Features(super().forward(maps))


def early_or_all(freeze: str, weights: str) -> str:
    """What `freeze=auto` comes to: random weights are all trained, others keep their early layers."""
    if freeze != "auto":
        return freeze
    return "none" if weights == "none" else "early"
