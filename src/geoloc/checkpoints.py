"""Networks from checkpoint files: a run's folder, our own .ckpt, or a plain state dict."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from geoloc.backbones.weights import load_exactly, read_content, read_state_dict
from geoloc.errors import InputError
from geoloc.foreign.layouts import ends_in_unit_length, from_foreign
from geoloc.foreign.recognise import BENCHMARK, layout_of
from geoloc.net import SPEC_FILE, WEIGHTS_FILE, DescriptorNet, network_class

log = logging.getLogger(__name__)
# Our own checkpoints carry plain values under this key: the network's spec and the epoch.
KEY = "geoloc"
# What training freezes is not what the network is.
MAY_DIFFER = ("freeze", "freeze_te")


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds.

    Attributes:
        path: The file.
        state: Tensors of the network by name.
        spec: What the network is built from; None in a plain state dict.
        epoch: Epochs trained; None if unknown.
    """

    path: Path
    state: dict[str, torch.Tensor]
    spec: dict[str, Any] | None
    epoch: int | None


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a .ckpt of ours, a plain state dict (also with `module.` before each name), or a run's folder.

    Args:
        path: A file; of a folder, `checkpoints/best.ckpt` is taken.

    Raises:
        InputError: Missing or not readable.
    """
    path = Path(path)
    if path.is_dir():
        inside = path / "checkpoints" / "best.ckpt"
        if not inside.is_file():
            raise InputError(f"checkpoint={path}: a folder without checkpoints/best.ckpt")
        path = inside
    if not path.is_file():
        raise InputError(f"checkpoint={path}: no such file")
    state = read_state_dict(path)
    content = read_content(path)
    about = content.get(KEY) if isinstance(content.get(KEY), dict) else None
    if about is None:
        return Checkpoint(path, state, None, None)
    own = {name.removeprefix("net."): value for name, value in state.items() if name.startswith("net.")}
    return Checkpoint(path, own, about["network"], about["epoch"] + 1)


def load_network(path: str | Path, wanted: Mapping[str, Any], typed: set[str]) -> DescriptorNet:
    """Build the network that a checkpoint holds.

    A checkpoint of ours says what it is, so nothing about the network has to be repeated; what the user typed must
    agree with it. A plain state dict, or one of another project, must fit the network of the config.

    Args:
        path: A run's folder, its `model.safetensors`, or see `read_checkpoint`.
        wanted: The config's parts of the network, `image_size` and `unit_length`.
        typed: Dotted keys that the user typed, such as {"backbone.cut", "image_size"}.

    Raises:
        InputError: One line that says what does not agree.
    """
    found = _find(path)
    source = f"checkpoint={found.path}"
    if found.spec is None:
        net = DescriptorNet.from_spec(wanted, load=False)
        _load_plain(net, wanted, found.state, source)
    else:
        spec, fresh = _changed(found.spec, wanted, typed)
        _agree(source, spec, wanted, typed)
        net = DescriptorNet.from_spec(spec, load=False)
        own = {name: value for name, value in net.state_dict().items() if fresh and name.startswith(fresh)}
        load_exactly(net, found.state | own, source)
    if "backbone.weights" in typed:
        log.warning("backbone.weights has no effect: all weights come from %s", source)
    epochs = "" if found.epoch is None else f" (epochs trained: {found.epoch})"
    log.info("network: %s%s", found.path, epochs or (" (a plain state dict)" if found.spec is None else ""))
    return net


def _find(path: str | Path) -> Checkpoint:
    """The network of a finished run's folder, or of a checkpoint file."""
    if Path(path).suffix == ".safetensors" and Path(path).name != WEIGHTS_FILE:
        raise InputError(f"checkpoint={path}: of .safetensors files only a finished run's {WEIGHTS_FILE} is read")
    folder = Path(path).parent if Path(path).name == WEIGHTS_FILE else Path(path)
    if (folder / SPEC_FILE).is_file():
        net = DescriptorNet.load(folder)
        return Checkpoint(folder, net.state_dict(), net.spec, None)
    return read_checkpoint(path)


def _load_plain(net: DescriptorNet, spec: Mapping[str, Any], state: dict[str, torch.Tensor], source: str) -> None:
    """Load a state dict by our names, or by those of a known project."""
    kind: Any = type(net.aggregator)
    if hasattr(kind, "starts_from") and not any(f".{part}" in name for name in state for part in kind.fresh_names):
        # The file holds the network that this one starts from.
        start = {**spec["aggregator"], "_target_": f"{kind.starts_from.__module__}.{kind.starts_from.__name__}"}
        first = DescriptorNet.from_spec({**spec, "aggregator": start}, load=False)
        _load_plain(first, spec, state, source)
        net.load_state_dict({**net.state_dict(), **first.state_dict()})
        return
    state = {name.replace("backbone.vit_model.", "backbone."): value for name, value in state.items()}
    layout = layout_of(state)
    if layout is None:
        load_exactly(net, state, source)
        return
    ours, idle = from_foreign(net, state, layout, source)
    load_exactly(net, ours, source)
    if idle:
        log.info("%s: %d tensors are for classification and left aside (%s, ...)", source, len(idle), idle[0])
    if layout == BENCHMARK and net.unit_length and not ends_in_unit_length(net):
        log.warning(
            "%s: the benchmark does not normalise this network's descriptors; unit_length=false does so", source
        )


def _changed(spec: Mapping[str, Any], wanted: Mapping[str, Any], typed: set[str]) -> tuple[dict[str, Any], str]:
    """A checkpoint's spec with what may be typed anew, and the prefix of parameters that it has none of."""
    changed = dict(spec)
    for key in ("image_size", "unit_length"):
        if key in typed:
            changed[key] = wanted[key]
    free = {key for key in MAY_DIFFER if f"backbone.{key}" in typed}
    changed["backbone"] = {**spec["backbone"], **{key: wanted["backbone"][key] for key in free}}
    if "aggregator" in typed and wanted["aggregator"]["_target_"] != spec["aggregator"]["_target_"]:
        kind: Any = network_class(wanted["aggregator"]["_target_"])
        if getattr(kind, "starts_from", None) is network_class(spec["aggregator"]["_target_"]):
            changed["aggregator"] = wanted["aggregator"]
            return changed, f"aggregator.{kind.fresh}"
    return changed, ""


def _agree(source: str, spec: Mapping[str, Any], wanted: Mapping[str, Any], typed: set[str]) -> None:
    """Refuse what was typed of a part of the network if it is not the checkpoint's."""
    for part in ("backbone", "block", "aggregator", "head"):
        there, here = spec.get(part) or {"_target_": None}, wanted.get(part) or {"_target_": None}
        asked = {
            key
            for key in (there.keys() | here.keys()) - {"weights", *MAY_DIFFER}
            if part in typed or f"{part}.{key}" in typed
        }
        wrong = [key for key in sorted(asked) if there.get(key) != here.get(key)]
        if wrong:
            differ = ", ".join(f"{key} is {there.get(key)} there and {here.get(key)} here" for key in wrong)
            raise InputError(f"{source}: another {part} than typed ({differ}); leave {part} out to take the file's")
