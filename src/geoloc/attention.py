"""Which parts of two images make them similar: what every cell of their maps adds to the dot product of descriptors.

Where descriptors are sums over the map: Stylianou, Souvenir and Pless, Visualizing Deep Similarity Networks, WACV 2019.
For the other aggregators gradient x activation at the map, which is the same for sums (Shrikumar et al., Not Just a
Black Box, 2016; Selvaraju et al., Grad-CAM, ICCV 2017). What only weighs the cells (lengths that vectors are divided
by, layer norm's deviations, softmax) is held at its values for the whole image, as in Ali et al., XAI for Transformers,
ICML 2022: a descriptor of unit length does not change with the length of its sum, so that its true gradient along the
cells adds up to zero, whatever they show. A map thus says how the similarity is shared out among the cells, and not
what would be left of it if one was covered, as the rest would then be brought to unit length without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from geoloc.errors import InputError
from geoloc.modes import eval_mode
from geoloc.net import DescriptorNet


class Attention(NamedTuple):
    """What makes a pair of images similar.

    Attributes:
        maps: (2, h, w) float32, what each cell of each image adds to the similarity; negative where it speaks against
            it. Either map adds up to the similarity, unless the aggregator takes the class token.
        similarity: Cosine of the two descriptors.
    """

    maps: torch.Tensor
    similarity: float


def attention(net: DescriptorNet, pair: torch.Tensor) -> Attention:
    """What each cell of each of two images adds to their similarity, the other's descriptor being given.

    The cells are those of the map that the aggregator gets. Of a class token they are the tokens that enter the last
    block, where it looks at them for the last time; what it has gathered before has no place in the map.
    What does not come from any cell, such as the mean that whitening takes away, is shared out evenly.

    Args:
        net: The network; its modes are as before afterwards, and no parameter gets a gradient.
        pair: (2, 3, H, W) uint8 RGB images. They are described at one scale, whatever `net.multiscale` is.

    Raises:
        InputError: The descriptor does not follow from the map, or from blocks that are known.
    """
    check_attention(net)
    of_token = getattr(net.aggregator, "needs_cls", False)
    with torch.inference_mode(False), torch.enable_grad(), eval_mode(net), Held():
        pooled, gates, (height, width) = (_token if of_token else _pooled)(net, pair.to(net.mean.device))
        vectors = F.normalize(net.whitened(net.projected(pooled)), dim=1)  # (2, D)
        # Each image's gates meet the other's descriptor as a constant: one backward pass makes both maps.
        total = (vectors * vectors.detach().flip(0)).sum()
        found = torch.autograd.grad(total, gates, allow_unused=True) if total.requires_grad else (None,)
    if found[0] is None:
        raise InputError(f"attention: the descriptor of {type(net.aggregator).__name__} has no gradient at the map")
    similarity = vectors[0].detach() @ vectors[1].detach()
    maps = found[0].flatten(1)[:, -height * width :].unflatten(1, (height, width)).float()
    if not of_token:
        maps = maps + (similarity - maps.sum(dim=(1, 2), keepdim=True)) / (height * width)
    return Attention(maps.cpu(), float(similarity))


def check_attention(net: DescriptorNet) -> None:
    """Make sure that it is known what a descriptor is made of.

    Raises:
        InputError: It is a class token, and what the token looks at is not known; or a released network's.
    """
    if getattr(net.backbone, "whole", False):
        raise InputError("attention: a released network (hub=) gives its descriptor, and no map; use attention=0")
    if getattr(net.aggregator, "needs_cls", False) and getattr(net.backbone, "last_block", None) is None:
        name = type(net.backbone).__name__.lower()
        raise InputError(
            f"attention: backbone={name} does not say which block makes its class token; use attention=0, or an"
            " aggregator that pools the map"
        )


def _pooled(net: DescriptorNet, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, tuple[int, int]]:
    """What the aggregator makes of the map with a gate of 1 at every cell: (2, d), the gates, (h, w)."""
    with torch.no_grad():
        features = net.features(images)
    height, width = features.map.shape[2:]
    gates = torch.ones(len(images), 1, height, width, device=images.device, requires_grad=True)
    gated: Callable[..., torch.Tensor] | None = getattr(net.aggregator, "gated", None)
    if gated is None:
        return net.aggregator(features._replace(map=features.map * gates)), gates, (height, width)
    return gated(features, gates), gates, (height, width)


def _token(net: DescriptorNet, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, tuple[int, int]]:
    """What the aggregator makes of the class token, with a gate of 1 at every token that enters the last block."""
    block: nn.Module = net.backbone.last_block  # type: ignore[assignment]
    gates = []

    def gate(_: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        # Gradients from here on; leaving no_grad below puts things right again.
        torch.set_grad_enabled(True)
        tokens = given[0]  # (2, n, C)
        gates.append(torch.ones(*tokens.shape[:2], 1, device=tokens.device, requires_grad=True))
        return tokens * gates[-1], *given[1:]

    hook = block.register_forward_pre_hook(gate)
    try:
        with torch.no_grad():
            features = net.features(images)
    finally:
        hook.remove()
    height, width = features.map.shape[2:]
    return net.aggregator(features), gates[-1], (height, width)


class Held(TorchFunctionMode):
    """Holds what only weighs (lengths, deviations of layer norm, softmax) as a constant while it is active."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute `func`, by its rule if it has one."""
        rule = RULES.get(func, func)
        return rule(*args, **(kwargs or {}))


def _constant(func: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    return lambda *args, **kwargs: func(*args, **kwargs).detach()


def _normalize(input: torch.Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, **_: Any) -> torch.Tensor:
    return input / torch.linalg.vector_norm(input, p, dim, keepdim=True).clamp_min(eps).detach()


def _layer_norm(
    input: torch.Tensor,
    normalized_shape: tuple[int, ...],
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    eps: float = 1e-5,
) -> torch.Tensor:
    over = tuple(range(-len(normalized_shape), 0))
    x = input - input.mean(over, keepdim=True)
    x = x / (x.square().mean(over, keepdim=True) + eps).sqrt().detach()
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def _attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
    return F.scaled_dot_product_attention(query.detach(), key.detach(), value, *args, **kwargs)


RULES: dict[Any, Callable[..., torch.Tensor]] = {
    F.normalize: _normalize,
    F.layer_norm: _layer_norm,
    F.scaled_dot_product_attention: _attend,
} | {
    func: _constant(func)
    for func in (
        torch.softmax,
        torch.Tensor.softmax,
        F.softmax,
        torch.norm,
        torch.Tensor.norm,
        torch.linalg.norm,
        torch.linalg.vector_norm,
    )
}
