"""ViT-B/16 at 224 or 384 pixels.

Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021. Architecture and weights: timm (Apache-2.0); the weights
are the paper's own, those that Berton et al., CVPR 2022, start from.
"""

from __future__ import annotations

from typing import Any, Literal

import timm
import torch
from torch import nn

from geoloc.backbones.backbone import Backbone
from geoloc.backbones.files import read_state_dict
from geoloc.backbones.transformer import freeze_up_to, shorten, token_map
from geoloc.backbones.weights import download_timm, load_exactly, without_head
from geoloc.errors import InputError
from geoloc.features import Features

WEIGHTS = {224: "vit_base_patch16_224.orig_in21k", 384: "vit_base_patch16_384.orig_in21k_ft_in1k"}


class ViT(Backbone):
    """Vision Transformer, base size, patches of 16 pixels, up to its final norm.

    Args:
        size: 224 (weights of ImageNet-21k) or 384 (fine-tuned on ImageNet); `image_size` must be this square.
        normalisation: Of images: "half" (mean and deviation 0.5), as the weights were trained; "imagenet", as the
            benchmark trains its ViT.
        weights: "imagenet", "none" (random), or the path of a state dict with timm's names.
        trunc_te: Keep the first so many of the 12 blocks; None keeps all.
        freeze_te: Train only the blocks after this one, counted from 0 (-1: all blocks); None trains everything.
        load: False if a checkpoint replaces the weights anyway; then nothing is read or downloaded.

    Attributes:
        out_channels: 768.
        stride: 16 pixels a cell of the map.
    """

    out_channels, stride, has_cls = 768, 16, True

    def __init__(
        self,
        size: Literal[224, 384] = 224,
        normalisation: Literal["half", "imagenet"] = "half",
        weights: str = "imagenet",
        trunc_te: int | None = None,
        freeze_te: int | None = None,
        load: bool = True,
    ) -> None:
        super().__init__()
        self.size = size
        if normalisation == "half":
            self.mean = self.std = (0.5, 0.5, 0.5)
        self.vit: Any = timm.create_model(f"vit_base_patch16_{size}", pretrained=False, num_classes=0)
        if load and weights == "imagenet":
            load_exactly(self.vit, download_timm(WEIGHTS[size], num_classes=0), WEIGHTS[size])
        elif load and weights != "none":
            load_exactly(self.vit, without_head(read_state_dict(weights)), weights)
        blocks: Any = self.vit.blocks
        shorten(blocks, trunc_te)
        freeze_up_to(self, blocks, freeze_te)

    @property
    def last_block(self) -> nn.Module | None:
        """See `Backbone.last_block`."""
        return self.vit.blocks[-1] if len(self.vit.blocks) else None

    def check_size(self, height: int, width: int) -> None:
        """See `Backbone.check_size`."""
        if (height, width) != (self.size, self.size):
            other = 224 if self.size == 384 else 384
            raise InputError(
                f"image_size: backbone=vit with backbone.size={self.size} takes [{self.size},{self.size}] only, not"
                f" [{height},{width}]; backbone.size={other} takes [{other},{other}], backbone=timm other sizes"
            )

    def forward(self, images: torch.Tensor) -> Features:
        """(B, 3, size, size) normalised images -> map (B, 768, size / 16, size / 16) and class token."""
        tokens = self.vit.forward_features(images)
        cells = self.size // self.stride
        return token_map(tokens[:, 1:], cells, cells, tokens[:, 0])
