"""Which network a foreign checkpoint holds, told from the names and shapes of its tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isqrt

import torch

BENCHMARK, RADENOVIC, NAVER = "the CVPR 2022 benchmark", "Radenovic et al.", "Naver (Revaud et al.)"
MIXVPR = "MixVPR (Ali-bey et al.)"
# Where networks of these layouts normalise local features: `aggregator.l2`.
L2 = {RADENOVIC: "after_pool", NAVER: "none"}


def layout_of(state: Mapping[str, torch.Tensor]) -> str | None:
    """Whose layout a state dict has; None if it is none that is known here.

    Example:
        >>> layout_of({"features.0.weight": torch.zeros(1), "pool.p": torch.zeros(1)})
        'Radenovic et al.'
    """
    if "aggregator.channel_proj.weight" in state and "backbone.model.conv1.weight" in state:
        return MIXVPR
    if any(name.startswith("aggregator.") for name in state):
        return None
    if any(re.match(r"aggregation\.|backbone\.(\d+|classifier|embeddings)\.", name) for name in state):
        return BENCHMARK
    if "pool.p" in state and any(name.startswith("features.") for name in state):
        return RADENOVIC
    if "adpool.p" in state and "conv1.weight" in state:
        return NAVER
    return None


def overrides_of(state: Mapping[str, torch.Tensor], layout: str) -> str:
    """What to type for the network that a foreign checkpoint holds.

    Args:
        state: Tensors by their names.
        layout: See `layout_of`.

    Returns:
        Overrides such as "backbone=resnet18 backbone.cut=conv4 aggregator=netvlad aggregator.clusters=64"; words where
        the file is damaged.
    """
    try:
        return " ".join(_overrides(state, layout))
    except (IndexError, KeyError, TypeError, ValueError):
        return "not to be told, as tensors are missing or of no such shape"


def _overrides(state: Mapping[str, torch.Tensor], layout: str) -> list[str]:
    if layout == BENCHMARK:
        return [*_backbone(state), *_aggregator(state)]
    if layout == MIXVPR:
        return _mixvpr(state)
    prefix, head = ("features.", "whiten.weight") if layout == RADENOVIC else ("", "fc.weight")
    resnet = _resnet({_numbered(name.removeprefix(prefix)): value for name, value in state.items()})
    return [*resnet, "aggregator=gem", f"aggregator.l2={L2[layout]}", *_fc(state, head)]


def _mixvpr(state: Mapping[str, torch.Tensor]) -> list[str]:
    resnet = _resnet({_numbered(name.removeprefix("backbone.model.")): value for name, value in state.items()})
    channels, (rows, cells) = len(state["aggregator.channel_proj.weight"]), state["aggregator.row_proj.weight"].shape
    depth = len({name.split(".")[2] for name in state if name.startswith("aggregator.mix.")})
    found = ["aggregator=mixvpr", f"aggregator.channels={channels}", f"aggregator.rows={rows}"]
    found.append(f"aggregator.depth={depth}")
    if depth:
        found.append(f"aggregator.ratio={len(state['aggregator.mix.0.mix.1.weight']) / cells:g}")
    side = isqrt(cells) * (32 if "backbone.cut=conv5" in resnet else 16)  # its images are square
    return [*resnet, *found, f"image_size=[{side},{side}]"]


def _fc(state: Mapping[str, torch.Tensor], weight: str) -> list[str]:
    return ["head=fc", f"head.dim={len(state[weight])}"] if weight in state else []


def _numbered(name: str) -> str:
    """Naver's layer names by their numbers in the other two layouts."""
    for number, layer in ((4, "layer1"), (5, "layer2"), (6, "layer3"), (7, "layer4"), (0, "conv1")):
        name = re.sub(rf"^{layer}\.", f"{number}.", name)
    return name


def _resnet(state: Mapping[str, torch.Tensor]) -> list[str]:
    """From tensors named `<layer number>.<block>...`."""
    blocks = {name.split(".")[1] for name in state if name.startswith("6.")}
    depth = {2: 18, 6: 50, 23: 101}.get(len(blocks), "?")
    cut = "conv5" if any(name.startswith("7.") for name in state) else "conv4"
    return [f"backbone=resnet{depth}", f"backbone.cut={cut}"]


def _backbone(state: Mapping[str, torch.Tensor]) -> list[str]:
    inside = {name.removeprefix("backbone."): value for name, value in state.items() if name.startswith("backbone.")}
    if any(name.startswith("tokenizer.") for name in inside):
        return ["backbone=cct384", "image_size=[384,384]", *_depth(inside, r"classifier\.blocks\.(\d+)\.", 14)]
    if "embeddings.position_embeddings" in inside:
        size = {197: 224, 577: 384}.get(inside["embeddings.position_embeddings"].shape[1], "?")
        typed = ["backbone=vit", f"backbone.size={size}", "backbone.normalisation=imagenet"]
        typed.append(f"image_size=[{size},{size}]")
        return typed + _depth(inside, r"encoder\.layer\.(\d+)\.", 12)
    if "28.weight" in inside:
        return ["backbone=vgg16"]
    if "10.weight" in inside:
        return ["backbone=alexnet"]
    return _resnet(inside)


def _depth(state: Mapping[str, torch.Tensor], pattern: str, full: int) -> list[str]:
    """How many blocks of a transformer are left."""
    count = len({found[1] for name in state if (found := re.match(pattern, name))})
    return [] if count == full else [f"backbone.trunc_te={count}"]


def _aggregator(state: Mapping[str, torch.Tensor]) -> list[str]:
    fc = "aggregation.1.weight" in state and state["aggregation.1.weight"].ndim == 2
    prefix = "aggregation.0." if fc else "aggregation."
    inside = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    if "centroids" in inside:
        kind = "crn" if any(name.startswith("crn.") for name in inside) else "netvlad"
        found = [f"aggregator={kind}", f"aggregator.clusters={len(inside['centroids'])}"]
    elif "ln1.weight" in inside:
        found = ["aggregator=rrm"]
    elif "1.p" in inside:
        found = ["aggregator=gem", "aggregator.l2=before_pool"]
    elif "0.p" in inside:
        found = ["aggregator=gem", "aggregator.l2=none or after_pool"]
    elif any(name.startswith("backbone.embeddings.") for name in state):
        found = ["aggregator=cls"]
    else:
        found = ["an aggregator without parameters (spoc, mac, rmac, cls, seqpool)"]
    return found + _fc(state, "aggregation.1.weight" if fc else "")
