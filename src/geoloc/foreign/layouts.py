"""Where each tensor of another project's network lies in ours.

Four layouts are known: the CVPR 2022 Deep Visual Geo-localization Benchmark and its model zoo (Berton et al.), the
ResNet-101 GeM networks of Radenovic et al. (TPAMI 2019), those of Revaud et al. (Naver, ICCV 2019), and MixVPR (Ali-bey
et al., WACV 2023). Every tensor is found by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from geoloc.errors import InputError
from geoloc.foreign.recognise import BENCHMARK, MIXVPR, NAVER, RADENOVIC
from geoloc.net import DescriptorNet

RESNET = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
POOLING = ("GeM", "SPoC", "MAC", "RMAC")
# What the benchmark can put on the tokens of a transformer.
ON_TOKENS = {"ViT": ("NetVLAD", "GeM", "Cls"), "CCT384": ("NetVLAD", "GeM", "SeqPool")}
RRM = {"before": "ln1", "first": "fc1", "second": "fc2", "after": "ln2"}
PROJECTION = {"to_channels": "channel_proj", "to_rows": "row_proj"}
MIXER = {"norm": "0", "first": "1", "second": "3"}
MASK = {"0": "filter_3_3", "1": "filter_5_5", "2": "filter_7_7"}
VIT = (
    (r"^cls_token$", "embeddings.cls_token"),
    (r"^pos_embed$", "embeddings.position_embeddings"),
    (r"^patch_embed\.proj\.", "embeddings.patch_embeddings.projection."),
    (r"^blocks\.(\d+)\.norm1\.", r"encoder.layer.\1.layernorm_before."),
    (r"^blocks\.(\d+)\.norm2\.", r"encoder.layer.\1.layernorm_after."),
    (r"^blocks\.(\d+)\.attn\.proj\.", r"encoder.layer.\1.attention.output.dense."),
    (r"^blocks\.(\d+)\.mlp\.fc1\.", r"encoder.layer.\1.intermediate.dense."),
    (r"^blocks\.(\d+)\.mlp\.fc2\.", r"encoder.layer.\1.output.dense."),
    (r"^norm\.", "layernorm."),
)


@dataclass(frozen=True)
class Entry:
    """One tensor of theirs: where it lies in ours.

    Attributes:
        theirs: Its name.
        ours: Our name.
        part: (first, last) rows of our tensor; None for all of it.
        shape: Their shape; it differs from ours by axes of length 1 only.
    """

    theirs: str
    ours: str
    part: tuple[int, int] | None
    shape: tuple[int, ...]


def entries(net: DescriptorNet, layout: str) -> list[Entry]:
    """Where each of their tensors lies in this network.

    Raises:
        InputError: The layout has no names for a part of this network.
    """
    if net.block is not None or net.whitening is not None:
        raise InputError(f"the layout of {layout} has no place for a block or whitening")
    backbone, aggregator = kind_of(net.backbone), kind_of(net.aggregator)
    pooled = "MixVPR" if layout == MIXVPR else "GeM"
    if layout != BENCHMARK and ((backbone, aggregator) != ("ResNet", pooled) or (net.head and layout == MIXVPR)):
        raise InputError(f"networks of {layout} are ResNets with {pooled}")
    tokens = ON_TOKENS.get(backbone)
    if (aggregator not in tokens) if tokens else aggregator == "SeqPool":
        raise InputError(f"the layout of {layout} has no {aggregator} on {backbone}")
    if backbone == "CCT384" and net.backbone.has_cls:
        raise InputError(f"the layout of {layout} has no class token of CCT384")
    found = []
    for name, value in net.state_dict().items():
        for theirs, part, shape in _names(net, layout, name, value):
            found.append(Entry(theirs, name, part, shape))
    return found


def _names(
    net: DescriptorNet, layout: str, name: str, value: torch.Tensor
) -> Iterator[tuple[str, tuple[int, int] | None, tuple[int, ...]]]:
    part, _, rest = name.partition(".")
    shape = tuple(value.shape)
    if layout == MIXVPR:
        yield f"backbone.model.{rest}" if part == "backbone" else _mixvpr_name(rest), None, shape
    elif part == "backbone" and kind_of(net.backbone) == "ViT":
        yield from _vit_names(rest.removeprefix("vit."), shape)
    elif part == "backbone":
        yield _backbone_name(kind_of(net.backbone), rest, layout), None, shape
    elif part == "head":
        names = {BENCHMARK: "aggregation.1.", RADENOVIC: "whiten.", NAVER: "fc."}
        yield names[layout] + rest.removeprefix("linear."), None, shape
    elif layout != BENCHMARK:
        yield {RADENOVIC: "pool.", NAVER: "adpool."}[layout] + rest, None, shape
    else:
        yield _aggregator_name(net, rest, shape)


def _backbone_name(kind: str, rest: str, layout: str) -> str:
    first, _, tail = rest.partition(".")
    if kind == "ResNet":
        if layout == NAVER:
            return rest
        return f"{'backbone' if layout == BENCHMARK else 'features'}.{RESNET.index(first)}.{tail}"
    if kind in ("AlexNet", "VGG16"):
        return f"backbone.{tail}"
    if kind == "CCT384":
        return f"backbone.{rest}" if first == "tokenizer" else f"backbone.classifier.{rest}"
    raise InputError(f"the layout of {layout} has no backbone {kind}")


def _mixvpr_name(rest: str) -> str:
    first, _, tail = rest.partition(".")
    if first != "mixers":
        return f"aggregator.{PROJECTION[first]}.{tail}"
    number, layer, what = tail.split(".")
    return f"aggregator.mix.{number}.mix.{MIXER[layer]}.{what}"


def _vit_names(rest: str, shape: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, int] | None, tuple[int, ...]]]:
    block = re.match(r"^blocks\.(\d+)\.attn\.qkv\.(\w+)$", rest)
    if block:
        rows = shape[0] // 3
        for number, what in enumerate(("query", "key", "value")):
            theirs = f"backbone.encoder.layer.{block[1]}.attention.attention.{what}.{block[2]}"
            yield theirs, (number * rows, (number + 1) * rows), (rows, *shape[1:])
        return
    for pattern, theirs in VIT:
        if re.match(pattern, rest):
            yield "backbone." + re.sub(pattern, theirs, rest), None, shape
            return
    raise InputError(f"the layout of {BENCHMARK} has no name for {rest}")


def _aggregator_name(
    net: DescriptorNet, rest: str, shape: tuple[int, ...]
) -> tuple[str, tuple[int, int] | None, tuple[int, ...]]:
    kind = kind_of(net.aggregator)
    before = aggregator_prefix(net)
    if kind in POOLING:
        place = "1" if net.aggregator.l2 == "before_pool" else "0"
        return f"{before}{place}.{rest}", None, shape
    if kind == "SeqPool":
        return f"backbone.classifier.{rest}", None, shape
    if rest == "assignment":
        return f"{before}conv.weight", None, (*shape, 1) if kind_of(net.backbone) in ON_TOKENS else (*shape, 1, 1)
    first, _, tail = rest.partition(".")
    if kind == "CRN" and first == "mask":
        number, _, what = tail.removeprefix("filters.").partition(".")
        return f"{before}crn.{MASK[number]}.{what}", None, shape
    if kind == "RRM":
        return f"{before}{RRM[first]}.{tail}", None, shape
    if kind in ("NetVLAD", "CRN"):
        return f"{before}{rest}", None, shape
    raise InputError(f"the layout of {BENCHMARK} has no aggregator {kind}")


def aggregator_prefix(net: DescriptorNet) -> str:
    """What the benchmark's names of the aggregator's tensors begin with."""
    return "aggregation." if net.head is None else "aggregation.0."


def kind_of(module: torch.nn.Module) -> str:
    """Name of the class."""
    return type(module).__name__
