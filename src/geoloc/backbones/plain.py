"""What AlexNet and VGG-16 share: torchvision's plain stack of layers, cut at its end and frozen at its start."""

from __future__ import annotations

from typing import Any

import torch
import torchvision
from torch import nn

from geoloc.backbones.backbone import Backbone, early_or_all
from geoloc.backbones.weights import load_without_classifier, pretrained
from geoloc.features import Features


class Plain(Backbone):
    """The first layers of a torchvision network whose layers are listed under `features`.

    Args:
        architecture: torchvision's name.
        kept: Number of layers.
        trained_from: Number of the first layer that is trained if the early ones are frozen.
        weights: "imagenet", "places", "gldv2", "none", or a path.
        freeze: "auto", "early" or "none".
        load: False if a checkpoint replaces the weights anyway.
    """

    stride = 16

    def __init__(self, architecture: str, kept: int, trained_from: int, weights: str, freeze: str, load: bool) -> None:
        super().__init__()
        full: Any = getattr(torchvision.models, architecture)(weights=None)
        if load and weights != "none":
            load_without_classifier(full, "classifier", pretrained(architecture, weights), architecture)
        self.layers = full.features[:kept]
        self.freeze = early_or_all(freeze, weights)
        if self.freeze == "early":
            self.keep_fixed(self.layers[:trained_from])

    def in_order(self) -> list[nn.Module]:
        """See `Backbone.in_order`."""
        return list(self.layers)

    def forward(self, images: torch.Tensor) -> Features:
        """(B, 3, H, W) normalised images -> map (B, out_channels, h, w)."""
        return Features(self.layers(images))
