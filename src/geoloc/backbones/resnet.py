"""ResNet-18, 50 and 101 cut after the fourth or fifth stage.

He et al., Deep Residual Learning for Image Recognition, CVPR 2016. Weights and layer names are torchvision's; the cuts
and what stays frozen follow Berton et al., CVPR 2022.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
import torchvision
from torch import nn

from geoloc.backbones.backbone import Backbone, early_or_all
from geoloc.backbones.weights import load_without_classifier, pretrained
from geoloc.features import Features


class ResNet(Backbone):
    """A ResNet without its classifier.

    Args:
        depth: 18, 50 or 101.
        cut: "conv4" ends after layer3 (stride 16), "conv5" after layer4 (stride 32).
        weights: "imagenet", "none" (random), "places" or "gldv2" (see `pretrained`), or the path of a state dict with
            torchvision's names.
        freeze: "early" keeps everything before layer3 fixed, as the benchmark does; frozen batch norm stays in eval
            mode, so its statistics do not drift. "none" trains all. "auto" is "none" for random weights, else "early".
        load: False if a checkpoint replaces the weights anyway; then nothing is read or downloaded.

    Attributes:
        out_channels: Channels of the map: 256 or 512 for depth 18, 1024 or 2048 for the others.
        stride: Pixels a cell of the map, 16 or 32.
    """

    def __init__(
        self,
        depth: Literal[18, 50, 101] = 18,
        cut: Literal["conv4", "conv5"] = "conv4",
        weights: str = "imagenet",
        freeze: Literal["auto", "early", "none"] = "auto",
        load: bool = True,
    ) -> None:
        super().__init__()
        architecture = f"resnet{depth}"
        full: Any = getattr(torchvision.models, architecture)(weights=None)
        if load and weights != "none":
            load_without_classifier(full, "fc", pretrained(architecture, weights), architecture)
        names = ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"]
        for name in names[: -1 if cut == "conv4" else None]:
            self.add_module(name, getattr(full, name))
        self.out_channels = {18: 256, 50: 1024, 101: 1024}[depth] * (1 if cut == "conv4" else 2)
        self.stride = 16 if cut == "conv4" else 32
        self.freeze = early_or_all(freeze, weights)
        if self.freeze == "early":
            self.keep_fixed(self.get_submodule(name) for name in names[: names.index("layer3")])

    def in_order(self) -> list[nn.Module]:
        """See `Backbone.in_order`."""
        return list(self.children())

    def forward(self, images: torch.Tensor) -> Features:
        """(B, 3, H, W) normalised images -> map (B, out_channels, H / stride, W / stride)."""
        x = images
        for layer in self.in_order():
            x = layer(x)
        return Features(x)
