"""Any network of timm by its name: CNNs, and transformers such as DINOv2.

Wightman, PyTorch Image Models (Apache-2.0); the weights have licences of their own, which timm's model pages name.
"""

from __future__ import annotations

import difflib
from typing import Any

import timm
import torch
from torch import nn

from geoloc.backbones.backbone import Backbone
from geoloc.backbones.files import read_state_dict
from geoloc.backbones.transformer import freeze_up_to, shorten
from geoloc.backbones.weights import download_timm, load_exactly, without_head
from geoloc.errors import InputError
from geoloc.features import Features


class Timm(Backbone):
    """A timm network up to one of its feature maps; what comes after is removed.

    Args:
        model: timm's name, with or without the tag of the weights: "convnext_tiny", "vit_small_patch14_dinov2.lvd142m".
        stage: Which feature map: -1 is the last, -2 the one before, and so on. Of a transformer every block has one.
        weights: "pretrained" (those of the name, downloaded once), "none" (random), or the path of a state dict with
            timm's names.
        trunc_te: Transformers: keep the first so many blocks; None keeps all.
        freeze_te: Transformers: train only the blocks after this one, counted from 0 (-1: all blocks); None trains
            everything.
        load: False if a checkpoint replaces the weights anyway; then nothing is read or downloaded.

    Attributes:
        out_channels: Of the chosen map.
        stride: Pixels a cell of the chosen map.
        has_cls: Whether the network has a class token.
    """

    def __init__(
        self,
        model: str,
        stage: int = -1,
        weights: str = "pretrained",
        trunc_te: int | None = None,
        freeze_te: int | None = None,
        load: bool = True,
    ) -> None:
        super().__init__()
        self.name = model
        self.dynamic, self.body = _create(model)
        self.mean, self.std = (tuple(self.body.pretrained_cfg[key]) for key in ("mean", "std"))
        if load and weights == "pretrained":
            load_exactly(self.body, download_timm(model, num_classes=0), model)
        elif load and weights != "none":
            head = self.body.pretrained_cfg.get("classifier") or ()
            load_exactly(self.body, without_head(read_state_dict(weights), head), weights)
        blocks = _blocks(self.body)
        if blocks is None and not (trunc_te is None and freeze_te is None):
            raise InputError(f"backbone.trunc_te, backbone.freeze_te: {model} is no plain row of transformer blocks")
        if trunc_te == 0:
            raise InputError("backbone.trunc_te: backbone=timm keeps at least 1 block, not 0")
        shorten(blocks, trunc_te)
        depth = len(self.body.feature_info) if trunc_te is None else trunc_te
        if not -depth <= stage <= -1:
            raise InputError(f"backbone.stage: {model} has maps -{depth} to -1, not {stage}")
        self.index = depth + stage
        entry = self.body.feature_info[self.index]
        self.out_channels, self.stride = entry["num_chs"], entry["reduction"]
        self.body.prune_intermediate_layers([self.index], prune_norm=False, prune_head=True)
        self.in_a_row = blocks is not None
        if self.in_a_row:
            freeze_up_to(self, self.body.blocks, freeze_te)
        # Besides the class token there may be registers, or these alone.
        self.has_prefix = getattr(self.body, "num_prefix_tokens", 0) > 0
        self.has_cls = self.has_prefix and getattr(self.body, "cls_token", None) is not None

    @property
    def last_block(self) -> nn.Module | None:
        """See `Backbone.last_block`."""
        return self.body.blocks[-1] if self.in_a_row else None

    def check_size(self, height: int, width: int) -> None:
        """See `Backbone.check_size`; transformers take multiples of their patch size, some their own size only."""
        embed = getattr(self.body, "patch_embed", None)
        own = getattr(embed, "img_size", None)
        if embed is None or own is None:
            super().check_size(height, width)
        elif self.dynamic:
            sides = embed.patch_size
            nearest = [max(1, round(size / side)) * side for size, side in zip((height, width), sides, strict=True)]
            if nearest != [height, width]:
                raise InputError(
                    f"image_size: {self.name} takes multiples of its patches of {sides[0]}x{sides[1]} pixels, not"
                    f" [{height},{width}]; the nearest is [{nearest[0]},{nearest[1]}]"
                )
        elif (height, width) != tuple(own):
            raise InputError(f"image_size: {self.name} takes [{own[0]},{own[1]}] only, not [{height},{width}]")

    def forward(self, images: torch.Tensor) -> Features:
        """(B, 3, H, W) normalised images -> map (B, out_channels, h, w), and the class token if there is one."""
        tokens = {"return_prefix_tokens": True} if self.has_prefix else {}
        (found,) = self.body.forward_intermediates(
            images, indices=[self.index], norm=True, output_fmt="NCHW", intermediates_only=True, **tokens
        )
        if not self.has_prefix:
            return Features(found)
        local, prefix = found[0], found[1]
        return Features(local, prefix[:, 0]) if self.has_cls else Features(local)


def _blocks(body: Any) -> Any:
    """The transformer blocks, if there is one map for each of them."""
    blocks: Any = getattr(body, "blocks", None)
    in_a_row = isinstance(blocks, (nn.Sequential, nn.ModuleList)) and len(blocks) == len(body.feature_info)
    return blocks if in_a_row and hasattr(blocks[0], "attn") else None


def _create(name: str) -> tuple[bool, Any]:
    """The network with random weights, and whether it takes images of several sizes through its position embedding.

    Raises:
        InputError: timm does not know the name, or offers no feature maps of this network.
    """
    plain = name.partition(".")[0]
    if not timm.is_model(plain):
        near = difflib.get_close_matches(plain, timm.list_models(), n=3)
        raise InputError(f"backbone.model: timm has no {name!r}{'; near are ' + ', '.join(near) if near else ''}")
    dynamic = True
    try:
        body: Any = timm.create_model(name, pretrained=False, num_classes=0, dynamic_img_size=True)
    except TypeError:
        dynamic, body = False, timm.create_model(name, pretrained=False, num_classes=0)
    except RuntimeError as error:
        raise InputError(f"backbone.model: {error}") from None
    if not hasattr(body, "forward_intermediates") or not hasattr(body, "prune_intermediate_layers"):
        raise InputError(f"backbone.model: timm gives no feature maps of {name}")
    return dynamic, body
