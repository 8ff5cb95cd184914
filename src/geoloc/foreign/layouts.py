"""Networks of other projects: their tensors by our names, and ours by theirs.

Three layouts are known: the CVPR 2022 Deep Visual Geo-localization Benchmark and its model zoo (Berton et al.), the
ResNet-101 GeM networks of Radenovic et al. (TPAMI 2019), and those of Revaud et al. (Naver, ICCV 2019). Every tensor is
found by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from geoloc.backbones.backbone import Backbone
from geoloc.errors import InputError
from geoloc.foreign.recognise import BENCHMARK, NAVER, RADENOVIC, overrides_of
from geoloc.net import DescriptorNet

RESNET = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
POOLING = ("GeM", "SPoC", "MAC", "RMAC")
RRM = {"before": "ln1", "first": "fc1", "second": "fc2", "after": "ln2"}
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
# Tensors of theirs that take no part in a descriptor, or are constants here.
IDLE = r"^backbone\.(pooler\.|classifier\.fc\.|classifier\.attention_pool\.)"
CONSTANT = r"\.crn\.acc_w\.(weight|bias)$"


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
    if layout != BENCHMARK and (_kind(net.backbone), _kind(net.aggregator)) != ("ResNet", "GeM"):
        raise InputError(f"networks of {layout} are ResNets with GeM")
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
    if part == "backbone" and _kind(net.backbone) == "ViT":
        yield from _vit_names(rest.removeprefix("vit."), shape)
    elif part == "backbone":
        yield _backbone_name(_kind(net.backbone), rest, layout), None, shape
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
    kind = _kind(net.aggregator)
    before = "aggregation." if net.head is None else "aggregation.0."
    if kind in POOLING:
        place = "1" if net.aggregator.l2 == "before_pool" else "0"
        return f"{before}{place}.{rest}", None, shape
    if kind == "SeqPool":
        return f"backbone.classifier.{rest}", None, shape
    if rest == "assignment":
        tokens = _kind(net.backbone) in ("CCT384", "ViT")
        return f"{before}conv.weight", None, (*shape, 1) if tokens else (*shape, 1, 1)
    first, _, tail = rest.partition(".")
    if kind == "CRN" and first == "mask":
        number, _, what = tail.removeprefix("filters.").partition(".")
        return f"{before}crn.{MASK[number]}.{what}", None, shape
    if kind == "RRM":
        return f"{before}{RRM[first]}.{tail}", None, shape
    if kind in ("NetVLAD", "CRN"):
        return f"{before}{rest}", None, shape
    raise InputError(f"the layout of {BENCHMARK} has no aggregator {kind}")


def _kind(module: torch.nn.Module) -> str:
    return type(module).__name__


def from_foreign(
    net: DescriptorNet, state: Mapping[str, torch.Tensor], layout: str, source: str
) -> tuple[dict[str, torch.Tensor], list[str]]:
    """Their tensors by our names.

    Args:
        net: The network that they are for.
        state: Their tensors.
        layout: See `layout_of`.
        source: For messages.

    Returns:
        A state dict for `net`, and the names of tensors that take no part in a descriptor and are left aside.

    Raises:
        InputError: Another architecture; names the config that fits.
    """
    fits = f"the network there is {overrides_of(state, layout)}"
    try:
        wanted = {entry.theirs: entry for entry in entries(net, layout)}
    except InputError as error:
        raise InputError(f"{source}: {error}; {fits}") from None
    idle = [name for name in state if name not in wanted and re.match(IDLE, name)]
    constants = [name for name in state if re.search(CONSTANT, name)]
    for name in constants:
        if not (state[name] == float(name.endswith("weight"))).all():
            raise InputError(f"{source}: {name} is not the constant that it should be")
    surplus = state.keys() - wanted.keys() - {*idle, *constants}
    missing = [name for name in wanted if name not in state and not name.endswith("num_batches_tracked")]
    other = [name for name in wanted if name in state and tuple(state[name].shape) != wanted[name].shape]
    rule = "after_pool" if layout == RADENOVIC else "none"
    # The benchmark normalises images for every backbone alike, and its ViT has learned to see them so.
    unlike = _kind(net.backbone) == "ViT" and net.backbone.mean != Backbone.mean
    if surplus or missing or other or unlike or (layout != BENCHMARK and net.aggregator.l2 != rule):
        raise InputError(f"{source}: of {layout}, and not this network; {fits}")
    ours = {name: value.clone() for name, value in net.state_dict().items()}
    for name, entry in wanted.items():
        if name in state:
            rows = slice(*entry.part) if entry.part else slice(None)
            target = ours[entry.ours][rows] if ours[entry.ours].ndim else ours[entry.ours]
            target.copy_(state[name].reshape(target.shape))
    return ours, idle


def ends_in_unit_length(net: DescriptorNet) -> bool:
    """Whether the benchmark's own network of this kind ends in unit length."""
    if net.head is not None or _kind(net.aggregator) in ("NetVLAD", "CRN", "RRM"):
        return True
    return _kind(net.aggregator) in POOLING and net.aggregator.l2 == "after_pool"


def to_benchmark(net: DescriptorNet) -> dict[str, torch.Tensor]:
    """The network's tensors by the benchmark's names, for its `model_state_dict`.

    Raises:
        InputError: The benchmark has no such network.
    """
    own = net.state_dict()
    theirs = {}
    for entry in entries(net, BENCHMARK):
        value = own[entry.ours] if entry.part is None else own[entry.ours][slice(*entry.part)]
        theirs[entry.theirs] = value.reshape(entry.shape).clone()
    if _kind(net.aggregator) == "CRN":
        before = "aggregation." if net.head is None else "aggregation.0."
        theirs |= {f"{before}crn.acc_w.weight": torch.ones(1, 84, 1, 1), f"{before}crn.acc_w.bias": torch.zeros(1)}
    return theirs
