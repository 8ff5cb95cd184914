"""Compact Convolutional Transformer CCT-14/7x2 at 384 pixels.

Hassani et al., Escaping the Big Data Paradigm with Compact Transformers, 2021 (arXiv 2104.05704): two convolutions with
pooling make 24 x 24 tokens, 14 encoder layers of 6 heads follow. Written from the paper; the parameters are named as in
the published weights, without `classifier.`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from geoloc.backbones.backbone import Backbone
from geoloc.backbones.files import read_state_dict
from geoloc.backbones.transformer import freeze_up_to, shorten, token_map
from geoloc.backbones.weights import load_exactly
from geoloc.errors import InputError
from geoloc.features import Features

DIM, DEPTH, HEADS, CELLS = 384, 14, 6, 24
# What the published classifier has and the backbone has not; `seqpool` holds the attention as its own parameter.
HEAD = ("classifier.fc.", "classifier.attention_pool.")


class CCT384(Backbone):
    """CCT-14/7x2 up to its final norm.

    Args:
        weights: "none" (random), or the path of the published state dict or of one with our names.
        trunc_te: Keep the first so many of the 14 layers; None keeps all.
        freeze_te: Train only the layers after this one, counted from 0 (-1: all layers); None trains everything.
        class_token: Put a class token before the patch tokens, for aggregator=cls; the published weights have none.
        load: False if a checkpoint replaces the weights anyway; then nothing is read.

    Attributes:
        out_channels: 384.
        stride: 16 pixels a cell of the map.
    """

    out_channels, stride = DIM, 16

    def __init__(
        self,
        weights: str = "none",
        trunc_te: int | None = None,
        freeze_te: int | None = None,
        class_token: bool = False,
        load: bool = True,
    ) -> None:
        super().__init__()
        if weights in ("imagenet", "pretrained"):
            raise InputError(
                f"backbone.weights={weights}: of cct384 only by path: backbone.weights=PATH of the published"
                " cct_14_7x2_384 file; or backbone.weights=none to start from random weights"
            )
        self.has_cls = class_token
        self.tokenizer = Tokenizer()
        self.positional_emb = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, CELLS**2 + class_token, DIM), std=0.2))
        self.class_emb = nn.Parameter(torch.zeros(1, 1, DIM)) if class_token else None
        # Stochastic depth grows with the layer, from 0 to 0.1.
        self.blocks = nn.ModuleList(Layer(drop_path=0.1 * number / (DEPTH - 1)) for number in range(DEPTH))
        self.norm = nn.LayerNorm(DIM)
        if load and weights != "none":
            state = read_state_dict(weights)
            load_exactly(self, our_names(state), weights)
            self.of_aggregator = {
                name.removeprefix("classifier."): value
                for name, value in state.items()
                if name.startswith("classifier.attention_pool.")
            }
        shorten(self.blocks, trunc_te)
        freeze_up_to(self, self.blocks, freeze_te)

    @property
    def last_block(self) -> nn.Module | None:
        """See `Backbone.last_block`."""
        return self.blocks[-1] if len(self.blocks) else None

    def check_size(self, height: int, width: int) -> None:
        """See `Backbone.check_size`."""
        if (height, width) != (384, 384):
            raise InputError(f"image_size: backbone=cct384 takes [384,384] only, not [{height},{width}]")

    def forward(self, images: torch.Tensor) -> Features:
        """(B, 3, 384, 384) normalised images -> map (B, 384, 24, 24), and the class token if there is one."""
        tokens = self.tokenizer(images)
        if self.class_emb is not None:
            tokens = torch.cat([self.class_emb.expand(tokens.shape[0], -1, -1), tokens], dim=1)
        tokens = tokens + self.positional_emb
        for block in self.blocks:
            tokens = block(tokens)
        tokens = self.norm(tokens)
        if self.class_emb is None:
            return token_map(tokens, CELLS, CELLS)
        return token_map(tokens[:, 1:], CELLS, CELLS, tokens[:, 0])


class Tokenizer(nn.Module):
    """Twice: convolution 7x7 of stride 2, ReLU, max pooling 3x3 of stride 2."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_layers = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(inside, outside, 7, 2, 3, bias=False), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
                )
                for inside, outside in ((3, 64), (64, DIM))
            )
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) -> (B, H * W / 256, 384)."""
        return self.conv_layers(images).flatten(2).transpose(1, 2)


class Attention(nn.Module):
    """Self-attention of 6 heads, without biases of query, key and value; dropout of the attention only."""

    def __init__(self, dropout: float = 0.1) -> None:
        super().__init__()
        self.qkv = nn.Linear(DIM, 3 * DIM, bias=False)
        self.proj = nn.Linear(DIM, DIM)
        self.dropout = dropout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, N, C) -> (B, N, C)."""
        qkv = self.qkv(x).unflatten(2, (3, HEADS, DIM // HEADS)).permute(2, 0, 3, 1, 4)
        query, key, value = qkv[0], qkv[1], qkv[2]  # unpacked, torch.fx leaves a circle that holds its callers' images
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class Layer(nn.Module):
    """Encoder layer; the second residual starts from the normalised sum, as in the published code.

    Args:
        drop_path: Probability that a branch is left out for an image.
    """

    def __init__(self, drop_path: float) -> None:
        super().__init__()
        self.pre_norm = nn.LayerNorm(DIM)
        self.self_attn = Attention()
        self.norm1 = nn.LayerNorm(DIM)
        self.linear1 = nn.Linear(DIM, 3 * DIM)
        self.linear2 = nn.Linear(3 * DIM, DIM)
        self.drop_path = drop_path

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, N, C) -> (B, N, C)."""
        x = self.norm1(x + self._sometimes(self.self_attn(self.pre_norm(x))))
        return x + self._sometimes(self.linear2(F.gelu(self.linear1(x))))

    def _sometimes(self, branch: torch.Tensor) -> torch.Tensor:
        """Stochastic depth: leave the branch out for some images, scale it up for the others."""
        if not self.training or self.drop_path == 0:
            return branch
        kept = torch.rand(len(branch), 1, 1, device=branch.device) >= self.drop_path
        return branch * kept / (1 - self.drop_path)


def our_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Published weights by our names: `classifier.` goes, and with it the classifier itself."""
    kept = {name: value for name, value in state.items() if not name.startswith(HEAD)}
    return {name.removeprefix("classifier."): value for name, value in kept.items()}
