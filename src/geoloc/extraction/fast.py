"""The twin of a network: the same descriptors in less time, by another form of its backbone."""

from __future__ import annotations

from copy import copy

import torch
from torch import nn

from geoloc.extraction.compiling import Compiled, Shapes
from geoloc.extraction.folding import folded
from geoloc.extraction.precision import tf32
from geoloc.features import Features
from geoloc.net import DescriptorNet


class Fast(nn.Module):
    """A backbone in another precision, between float32 images and float32 features.

    Images come with the channels of a pixel side by side, without which bfloat16 brings nothing. What follows
    the backbone takes little time and keeps all its digits.

    Args:
        backbone: A copy that nobody else uses.
        precision: "float32", "tf32" or "bfloat16".
        shapes: What it is compiled for; None: it is not.
    """

    def __init__(self, backbone: nn.Module, precision: str, shapes: Shapes | None = None) -> None:
        super().__init__()
        self.dtype = dtype_of(precision)
        self.backbone = backbone.to(self.dtype)
        self.tf32 = precision == "tf32"
        if shapes is not None:
            self.backbone = Compiled(self.backbone, shapes)

    def forward(self, images: torch.Tensor) -> Features:
        """(B, 3, H, W) float32 normalised images -> float32 features."""
        # GPUs multiply true float32 faster in planes.
        planes = images.is_cuda and self.dtype == torch.float32 and not self.tf32
        order = torch.contiguous_format if planes else torch.channels_last
        with tf32(self.tf32):
            features = self.backbone(images.to(self.dtype, memory_format=order))
        return Features(features.map.float(), None if features.cls is None else features.cls.float())


def twin(net: DescriptorNet, precision: str, shapes: Shapes | None = None) -> DescriptorNet:
    """A network that shares everything with `net` but the backbone, which is a copy of today's.

    Args:
        net: The network.
        precision: "float32", "tf32" or "bfloat16".
        shapes: What the backbone is compiled for; None: it is not.
    """
    found = copy(net)
    backbone = Fast(folded(net.backbone), precision, shapes)
    found.__dict__["_modules"] = {**net._modules, "backbone": backbone}
    return found


def dtype_of(precision: str) -> torch.dtype:
    """What a backbone is cast to for "float32", "tf32" or "bfloat16"."""
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def lowest_cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    """Of two sets of (B, D) descriptors, the cosine of the pair that agrees least."""
    return float(torch.nn.functional.cosine_similarity(a.double(), b.double(), dim=1).min())
