"""The U-Net generator of pix2pix: an encoder and a decoder of 4x4 convolutions, joined by a skip at every resolution.

Isola, Zhu, Zhou and Efros, "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017, section 6.1.
The tensors have the names under which the authors' PyTorch weights (`day2night` and others) were published, so that
those load by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from geoloc.errors import InputError

Norm = Literal["batch", "instance"]
Statistics = Literal["running", "image"]
WIDEST = 8  # times the width of the first level
DROPPED = 3  # decoder levels with dropout
PREFIX = "model."


class OwnStatistics(nn.BatchNorm2d):
    """Batch normalisation that takes mean and variance of each image, as the paper tests its generators."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) -> (B, C, h, w)."""
        return F.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.eps)


class Level(nn.Module):
    """One resolution of the U-Net and all that lies below it.

    Args:
        outer: Channels that come in and, beside them, go out.
        inner: Channels after this level's halving.
        below: The next level; None for the innermost.
        norm: Builds a normalisation layer from its number of channels.
        bias: Whether convolutions before a normalisation have a bias.
        dropout: Probability of dropout at this level's end, 0 for none.
        outermost: The level of the picture itself: no skip, no normalisation, tanh at the end.
    """

    def __init__(
        self,
        outer: int,
        inner: int,
        below: Level | None,
        norm: type[nn.Module],
        bias: bool,
        dropout: float = 0.0,
        outermost: bool = False,
    ) -> None:
        super().__init__()
        self.outermost = outermost
        down = nn.Conv2d(outer, inner, 4, stride=2, padding=1, bias=bias)
        # What comes from below is joined by its skip, hence twice the channels.
        up_channels = inner if below is None else 2 * inner
        up = nn.ConvTranspose2d(up_channels, outer, 4, stride=2, padding=1, bias=bias or outermost)
        # Not in place: the skip needs what came in.
        layers: list[nn.Module] = [down] if outermost else [nn.LeakyReLU(0.2), down]
        if below is not None:
            layers += [below] if outermost else [norm(inner), below]
        layers += [nn.ReLU(), up, nn.Tanh() if outermost else norm(outer)]
        if dropout:
            layers.append(nn.Dropout(dropout))
        self.model = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, outer, h, w) -> (B, 2 outer, h, w) with the skip first, or the picture (B, outer, h, w)."""
        y = self.model(x)
        return y if self.outermost else torch.cat([x, y], 1)


class UNet(nn.Module):
    """A picture in, its translation out.

    Args:
        depth: Number of halvings: 8 for the published U-Net-256, fewer for small ones. Height and width of a picture
            must be multiples of 2**depth.
        width: Channels of the first level (the published `ngf`).
        norm: "batch", or "instance" (without scale and shift, so the convolutions before it have a bias).
        statistics: For batch normalisation: "running" averages of the training, as usual, or those of each "image", as
            the paper tests. In training only "running" makes sense, since it must gather them.
        dropout: Probability, for the three innermost decoder levels that are as wide as the widest. In training alone:
            a frame has one twin, not another one every time.

    Raises:
        ValueError: Less than two halvings.
    """

    def __init__(
        self,
        depth: int = 8,
        width: int = 64,
        norm: Norm = "batch",
        statistics: Statistics = "running",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if depth < 2:
            raise ValueError(f"depth must be at least 2, not {depth}")
        self.multiple = 2**depth
        batch = OwnStatistics if statistics == "image" else nn.BatchNorm2d
        layer = batch if norm == "batch" else nn.InstanceNorm2d
        channels = [3, *(width * min(2**level, WIDEST) for level in range(depth))]
        below = None
        for level in reversed(range(depth)):
            dropped = level >= max(4, depth - DROPPED)
            below = Level(
                outer=channels[level],
                inner=channels[level + 1],
                below=below,
                norm=layer,
                bias=norm == "instance",
                dropout=dropout if dropped else 0.0,
                outermost=level == 0,
            )
        assert below is not None
        self.model = below

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) in -1..1 -> (B, 3, H, W) in -1..1."""
        return self.model(images)


def initialise(net: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights as the paper does (section 6.2): normal around 0, scales around 1, deviation 0.02.

    Args:
        net: Generator or discriminator.
        generator: Source of the draws.
    """
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
            mean = 1.0 if isinstance(layer, nn.BatchNorm2d) else 0.0
            nn.init.normal_(layer.weight, mean, 0.02, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def load_unet(state: Mapping[str, torch.Tensor], name: str, statistics: Statistics = "running") -> UNet:
    """Build the U-Net that a state dict of the published layout belongs to, in evaluation mode.

    Args:
        state: Tensors by name.
        name: Of the file, for messages.
        statistics: See `UNet`.

    Raises:
        InputError: Another network; the message says which tensors differ.
    """
    first = state.get(f"{PREFIX}model.0.weight")
    if first is None or first.ndim != 4:
        raise InputError(
            f"{name}: no pix2pix U-Net of the published layout (it has no convolution {PREFIX}model.0.weight);"
            " export other generators to TorchScript, torch.export or ONNX"
        )
    depth = _depth(state)
    if depth < 2:
        raise InputError(f"{name}: no pix2pix U-Net of the published layout (only {depth} level)")
    innermost = f"{PREFIX}model.1" + ".model.3" * (depth - 2)
    norm: Norm = "batch" if f"{innermost}.model.4.weight" in state else "instance"
    net = UNet(depth, len(first), norm, statistics)
    _check_and_load(net, state, norm, name)
    return net.eval().requires_grad_(False)


def _depth(state: Mapping[str, torch.Tensor]) -> int:
    depth = 1
    while f"{PREFIX}model.1{'.model.3' * (depth - 1)}.model.1.weight" in state:
        depth += 1
    return depth


def _check_and_load(net: UNet, state: Mapping[str, torch.Tensor], norm: Norm, name: str) -> None:
    wanted = net.state_dict()
    # Old versions of torch counted no batches, and kept (unused) running statistics for instance normalisation.
    unused = ("num_batches_tracked", *(("running_mean", "running_var") if norm == "instance" else ()))
    given = {key: value for key, value in state.items() if key in wanted or not key.endswith(unused)}
    given = {key: value for key, value in wanted.items() if key.endswith("num_batches_tracked")} | given
    problems = [
        (sorted(wanted.keys() - given.keys()), "missing"),
        (sorted(given.keys() - wanted.keys()), "unknown"),
        (
            sorted(key for key in wanted.keys() & given.keys() if wanted[key].shape != given[key].shape),
            "of other shape",
        ),
    ]
    if any(keys for keys, _ in problems):
        said = [f"{len(keys)} {what} ({', '.join(keys[:2])})" for keys, what in problems if keys]
        raise InputError(f"{name}: not the tensors of a pix2pix U-Net of the published layout: {', '.join(said)}")
    net.load_state_dict(given)
