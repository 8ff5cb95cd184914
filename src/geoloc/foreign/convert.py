"""Tensors of other projects' networks by our names, and ours by the benchmark's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import torch

from geoloc.backbones.backbone import Backbone
from geoloc.errors import InputError
from geoloc.foreign.layouts import ON_TOKENS, POOLING, Entry, aggregator_prefix, entries, kind_of
from geoloc.foreign.recognise import BENCHMARK, L2, MIXVPR, overrides_of
from geoloc.net import DescriptorNet

# Tensors of theirs that take no part in a descriptor, or are constants here.
IDLE = r"^backbone\.(pooler\.|classifier\.fc\.|classifier\.attention_pool\.)"
ROW_BIAS = "aggregator.row_proj.bias"  # which MixVPR's first version had not
LEFT_OUT = ("num_batches_tracked", ROW_BIAS)
CONSTANT = r"\.crn\.acc_w\.(weight|bias)$"


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
    wrong = list(_wrong(state, wanted, {*idle, *constants}))
    if wrong or not _sees_as_theirs(net) or (layout in L2 and net.aggregator.l2 != L2[layout]):
        such = f" ({wrong[0]}{', among others' if wrong[1:] else ''})" if wrong else ""
        raise InputError(f"{source}: of {layout}, and not this network{such}; {fits}")
    ours = {name: value.clone() for name, value in net.state_dict().items()}
    for name, entry in wanted.items():
        if name in state:
            rows = slice(*entry.part) if entry.part else slice(None)
            target = ours[entry.ours][rows] if ours[entry.ours].ndim else ours[entry.ours]
            target.copy_(state[name].reshape(target.shape))
        elif name == ROW_BIAS:
            ours[entry.ours].zero_()
    return ours, idle


def _wrong(state: Mapping[str, torch.Tensor], wanted: Mapping[str, Entry], aside: set[str]) -> Iterator[str]:
    """What does not fit of the tensors, in words."""
    for name, entry in wanted.items():
        if name not in state and not name.endswith(LEFT_OUT):
            yield f"{name} is missing there"
        elif name in state and tuple(state[name].shape) != entry.shape:
            yield f"{name} is {list(state[name].shape)} there and {list(entry.shape)} here"
    for name in state:
        if name not in wanted and name not in aside:
            yield f"{name} is there besides"


def _sees_as_theirs(net: DescriptorNet) -> bool:
    """The benchmark normalises images for every backbone alike, and its ViT has learned to see them so."""
    return kind_of(net.backbone) != "ViT" or net.backbone.mean == Backbone.mean


def unsaid(net: DescriptorNet, layout: str, typed: set[str]) -> list[str]:
    """What a file of the benchmark leaves open, or would be otherwise there; one line each, for a warning.

    Args:
        net: The network that the file was loaded into.
        layout: See `layout_of`.
        typed: Dotted keys that the user typed.
    """
    if layout == MIXVPR:
        return ["its authors state no licence of code or weights; ask them before you pass these on or sell them"]
    if layout != BENCHMARK:
        return []
    kind = kind_of(net.aggregator)
    lines = []
    if net.unit_length and not ends_in_unit_length(net):
        lines.append("the benchmark does not normalise this network's descriptors; unit_length=false does so")
    # Of GeM the file tells before_pool from the others, which differ only if something follows.
    known = kind == "GeM" and (net.aggregator.l2 == "before_pool" or (net.head is None and net.unit_length))
    if kind in POOLING and not known and "aggregator.l2" not in typed:
        lines.append(
            f"the file does not say where local features were normalised: aggregator.l2={net.aggregator.l2} is taken;"
            " type what the network was trained with (the benchmark's own default is before_pool)"
        )
    if kind == "GeM" and net.aggregator.l2 == "before_pool" and kind_of(net.backbone) in ON_TOKENS:
        lines.append(
            "the benchmark normalises over positions here by mistake, geoloc over channels: descriptors differ"
        )
    return lines


def ends_in_unit_length(net: DescriptorNet) -> bool:
    """Whether the benchmark's own network of this kind ends in unit length."""
    if net.head is not None or kind_of(net.aggregator) in ("NetVLAD", "CRN", "RRM"):
        return True
    return kind_of(net.aggregator) in POOLING and net.aggregator.l2 == "after_pool"


def to_benchmark(net: DescriptorNet) -> dict[str, torch.Tensor]:
    """The network's tensors by the benchmark's names, for its `model_state_dict`.

    Tensors that the benchmark's networks have and never use are zeros.

    Raises:
        InputError: The benchmark has no such network.
    """
    if not _sees_as_theirs(net):
        raise InputError("the benchmark's ViT gets images normalised as backbone.normalisation=imagenet, and this not")
    own = net.state_dict()
    theirs = {}
    for entry in entries(net, BENCHMARK):
        value = own[entry.ours] if entry.part is None else own[entry.ours][slice(*entry.part)]
        theirs[entry.theirs] = value.reshape(entry.shape).clone()
    kind = kind_of(net.backbone)
    if kind_of(net.aggregator) == "CRN":
        before = f"{aggregator_prefix(net)}crn.acc_w."
        theirs |= {f"{before}weight": torch.ones(1, 84, 1, 1), f"{before}bias": torch.zeros(1)}
    elif kind == "CCT384":
        pool = "backbone.classifier.attention_pool."
        theirs = {f"{pool}weight": torch.zeros(1, 384), f"{pool}bias": torch.zeros(1)} | theirs
    elif kind == "ViT":
        width = 768
        theirs |= {
            "backbone.pooler.dense.weight": torch.zeros(width, width),
            "backbone.pooler.dense.bias": torch.zeros(width),
        }
        # The newest code wraps the network once more.
        theirs = {name.replace("backbone.", "backbone.vit_model.", 1): value for name, value in theirs.items()}
    return theirs


def benchmark_flags(net: DescriptorNet) -> str:
    """Arguments of the benchmark's eval.py that build this network.

    Example: "--backbone=resnet18conv4 --aggregation=netvlad --netvlad_clusters=64 --resize 480 640".

    Raises:
        InputError: The benchmark has no such network.
    """
    entries(net, BENCHMARK)
    kind, aggregator = kind_of(net.backbone), kind_of(net.aggregator)
    node, height, width = net.spec["backbone"], *net.image_size
    name = {
        "ResNet": f"resnet{node.get('depth', 18)}{node.get('cut', 'conv4')}",
        "AlexNet": "alexnet",
        "VGG16": "vgg16",
        "CCT384": "cct384",
        "ViT": "vit",
    }[kind]
    flags = [f"--backbone={name}", f"--aggregation={aggregator.lower()}", f"--resize {height} {width}"]
    if aggregator in ("NetVLAD", "CRN"):
        flags.append(f"--netvlad_clusters={net.spec['aggregator'].get('clusters', 64)}")
    if aggregator in POOLING:
        l2 = net.aggregator.l2
        # Ours end in unit length without being asked, theirs only so.
        flags.append(f"--l2={'after_pool' if l2 == 'none' and net.unit_length and net.head is None else l2}")
    if net.head is not None:
        flags.append(f"--fc_output_dim={net.out_dim}")
    if node.get("trunc_te") is not None:
        flags.append(f"--trunc_te={node['trunc_te']}")
    return " ".join(flags)
