"""A network in two parts: images to the maps of its frozen layers, which never change, and maps to descriptors."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

import torch
from torch import nn

from geoloc.extraction.fast import Fast, dtype_of
from geoloc.extraction.folding import folded
from geoloc.net import DescriptorNet

Parts = tuple[nn.Sequential, nn.Sequential]


def parted(net: DescriptorNet) -> Parts | None:
    """The two parts of its backbone, as `Backbone.parted` gives them; None if there are none."""
    found = getattr(net.backbone, "parted", None)
    return None if found is None else found()


class Stem(nn.Module):
    """Frozen layers in another precision, as `Fast` does it with whole backbones; their maps stay in it.

    Args:
        layers: A copy that nobody else uses.
        dtype: float32 or bfloat16.
    """

    def __init__(self, layers: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.layers = layers.to(dtype)
        self.dtype = dtype

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) float32 normalised images -> (B, c, h, w) maps."""
        return self.layers(images.to(self.dtype, memory_format=torch.channels_last))


def stem_of(net: DescriptorNet, way: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """(B, 3, H, W) uint8 images -> (B, c, h, w) maps of the frozen layers.

    Args:
        net: One that comes in parts; its frozen layers are copied unless the way is "exact".
        way: "exact", "float32" or "bfloat16"; see `Precision`.
    """
    parts = parted(net)
    assert parts is not None
    first = parts[0] if way == "exact" else Stem(folded(parts[0]), dtype_of(way))
    found = copy(net)
    found.__dict__["_modules"] = {**net._modules, "backbone": first, "block": None}

    def maps(images: torch.Tensor) -> torch.Tensor:
        if len(images) > 1:
            return found.features(images)
        # A single image would be computed otherwise on CPUs, and its last digits would depend on whether it is alone.
        return found.features(images.repeat(2, 1, 1, 1))[:1]

    return maps


def rest_of(net: DescriptorNet, way: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """(B, c, h, w) maps of the frozen layers -> (B, D) descriptors.

    Args:
        net: One that comes in parts.
        way: "exact": by the network itself, so that it can be trained; others by a copy as it is today.
    """
    parts = parted(net)
    assert parts is not None
    rest = parts[1] if way == "exact" else Fast(folded(parts[1]), way)

    def described(maps: torch.Tensor) -> torch.Tensor:
        features = rest(maps)
        features = features if net.block is None else net.block(features)
        return net.whitened(net.projected(net.aggregator(features)))

    return described
