"""What all transformer backbones share: dropping the last blocks, freezing the first ones, tokens to a map."""

from __future__ import annotations

import torch
from torch import nn

from geoloc.backbones.backbone import Backbone
from geoloc.errors import InputError
from geoloc.features import Features


def shorten(blocks: nn.Sequential | nn.ModuleList, count: int | None) -> None:
    """Keep the first `count` blocks only; None keeps all, 0 none.

    Raises:
        InputError: There are not so many.
    """
    if count is None:
        return
    if not 0 <= count <= len(blocks):
        raise InputError(f"backbone.trunc_te: must be from 0 to {len(blocks)}, the number of blocks, not {count}")
    del blocks[count:]


def freeze_up_to(backbone: Backbone, blocks: nn.Sequential | nn.ModuleList, last: int | None) -> None:
    """Freeze all of a backbone but the blocks after number `last`, as the benchmark does.

    Patch embedding, position embedding, class token and final norm are frozen too.

    Args:
        backbone: Its parts are frozen.
        blocks: Its transformer blocks.
        last: Number of the last frozen block, counted from 0; -1 freezes no block; None freezes nothing at all.

    Raises:
        InputError: There is no such block.
    """
    if last is None:
        return
    if not -1 <= last < len(blocks):
        raise InputError(f"backbone.freeze_te: must be from -1 to {len(blocks) - 1}, the last block, not {last}")
    trained = set(blocks[last + 1 :].modules()) if last + 1 < len(blocks) else set()
    around = {module for module in backbone.modules() if any(part in trained for part in module.modules())}
    around.add(backbone)  # it sets the mode of the others
    kept = {id(parameter) for module in trained for parameter in module.parameters()}
    for parameter in backbone.parameters():
        parameter.requires_grad_(id(parameter) in kept)
    backbone.frozen = [module for module in backbone.modules() if module not in trained and module not in around]


def token_map(tokens: torch.Tensor, height: int, width: int, cls: torch.Tensor | None = None) -> Features:
    """Patch tokens as a map.

    Args:
        tokens: (B, h * w, C) in rows from the top left.
        height: h.
        width: w.
        cls: (B, C) class token.
    """
    return Features(tokens.transpose(1, 2).unflatten(2, (height, width)), cls)
