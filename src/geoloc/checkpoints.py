"""Networks from checkpoint files: a run's folder, our own .ckpt, or a plain state dict."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from geoloc.backbones.files import read_content, state_dict_of
from geoloc.backbones.weights import load_exactly
from geoloc.errors import InputError
from geoloc.foreign.convert import from_foreign, unsaid
from geoloc.foreign.recognise import layout_of, overrides_of
from geoloc.net import SPEC_FILE, WEIGHTS_FILE, DescriptorNet
from geoloc.parts import is_of_one_size, network_class

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
        calibration: Facts of one that was fitted with the network; None for none.
    """

    path: Path
    state: dict[str, torch.Tensor]
    spec: dict[str, Any] | None
    epoch: int | None
    calibration: dict[str, Any] | None = None


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
    content = read_content(path)
    state = state_dict_of(content, path)
    about = content.get(KEY) if isinstance(content.get(KEY), dict) else None
    if about is None:
        whitening = content.get("pca")
        if whitening is not None:  # as in Naver's files, which their own code applies on demand
            log.warning("checkpoint=%s: the file holds PCA as well, which is not applied; whitening=pca fits one", path)
        return Checkpoint(path, state, None, None)
    own = {name.removeprefix("net."): value for name, value in state.items() if name.startswith("net.")}
    return Checkpoint(path, own, about["network"], about["epoch"] + 1)


def load_network(path: str | Path, wanted: Mapping[str, Any], typed: set[str], training: bool = False) -> DescriptorNet:
    """Build the network that a checkpoint holds.

    A checkpoint of ours says what it is, so nothing about the network has to be repeated; what the user typed must
    agree with it. A plain state dict, or one of another project, must fit the network of the config.

    Args:
        path: A run's folder, its `model.safetensors`, or see `read_checkpoint`.
        wanted: The config's parts of the network, `image_size` and `unit_length`.
        typed: Dotted keys that the user typed, such as {"backbone.cut", "image_size"}.
        training: The network is trained on, and not judged as it is.

    Raises:
        InputError: One line that says what does not agree.
    """
    found = _find(path)
    source = f"checkpoint={found.path}"
    if found.spec is not None and "hub.weights" in typed:
        raise InputError(f"hub.weights={path}: holds a network of geoloc; checkpoint={path} takes it, without hub=")
    if found.spec is None:
        net = DescriptorNet.from_spec(wanted, load=False)
        fresh = _load_plain(net, wanted, found.state, source, typed)
    else:
        spec = _changed(found.spec, wanted, typed)
        switched = spec["aggregator"]["_target_"] != found.spec["aggregator"]["_target_"]
        # An aggregator that starts from the file's has its arguments, but for those typed one by one.
        _agree(source, spec, wanted, typed - {"aggregator"} if switched else typed)
        net = DescriptorNet.from_spec(spec, load=False)
        fresh = _fresh(net, found.state)
        load_exactly(net, found.state | fresh, source)
    if fresh:
        kind = type(net.aggregator).__name__
        if not training:
            raise InputError(
                f"{source}: holds no {kind} network but what one starts from: its mask is still to be trained, by"
                f" task=train aggregator={kind.lower()}; leave aggregator out to judge the file's network"
            )
        log.info("%d parameters of %s start fresh, such as %s", len(fresh), kind, next(iter(fresh)))
    if "backbone.weights" in typed:
        log.warning("backbone.weights has no effect: all weights come from %s", source)
    if not training and net.whitening is None and found.spec is not None:
        _note_whitening_beside(found.path)
    net.calibration = None if training else found.calibration  # other weights need another one
    epochs = "" if found.epoch is None else f" (epochs trained: {found.epoch})"
    log.info("network: %s%s", found.path, epochs or (" (a plain state dict)" if found.spec is None else ""))
    return net


def _fresh(net: DescriptorNet, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What an aggregator that starts from another one has besides, if the file holds the other one."""
    if not hasattr(net.aggregator, "starts_from"):
        return {}
    beginning = f"aggregator.{net.aggregator.fresh}"
    own = {name: value for name, value in net.state_dict().items() if name.startswith(beginning)}
    return {} if own.keys() & state.keys() else own


def _note_whitening_beside(path: Path) -> None:
    """Warn if a checkpoint lies in the folder of a run that ended in whitening, which checkpoints lack."""
    folder = path.parent.parent
    finished = path.parent.name == "checkpoints" and (folder / SPEC_FILE).is_file()
    if finished and DescriptorNet.load(folder).whitening is not None:
        log.warning("%s is without the whitening that its run ended in; checkpoint=%s is with it", path, folder)


def _find(path: str | Path) -> Checkpoint:
    """The network of a finished run's folder, or of a checkpoint file."""
    if Path(path).suffix in (".onnx", ".pt2"):
        raise InputError(
            f"checkpoint={path}: is for other programs; give the folder that it lies in, or that of the run"
        )
    if Path(path).suffix == ".safetensors" and Path(path).name != WEIGHTS_FILE:
        raise InputError(f"checkpoint={path}: of .safetensors files only a finished run's {WEIGHTS_FILE} is read")
    folder = Path(path).parent if Path(path).name == WEIGHTS_FILE else Path(path)
    if (folder / SPEC_FILE).is_file():
        net = DescriptorNet.load(folder)
        return Checkpoint(folder, net.state_dict(), net.spec, None, net.calibration)
    return read_checkpoint(path)


def _load_plain(
    net: DescriptorNet, spec: Mapping[str, Any], state: dict[str, torch.Tensor], source: str, typed: set[str]
) -> dict[str, torch.Tensor]:
    """Load a state dict by our names, or by those of a known project; returns what it has none of, see `_fresh`."""
    state = {name.replace("backbone.vit_model.", "backbone."): value for name, value in state.items()}
    layout = layout_of(state)
    if layout is None:
        fresh = _fresh(net, state)
        load_exactly(net, state | fresh, source)
        return fresh
    kind: Any = type(net.aggregator)
    if (
        hasattr(kind, "starts_from")
        and f"aggregator={kind.__name__.lower()}" not in overrides_of(state, layout).split()
    ):
        # The file holds the network that this one starts from.
        start = {**spec["aggregator"], "_target_": f"{kind.starts_from.__module__}.{kind.starts_from.__name__}"}
        first = DescriptorNet.from_spec({**spec, "aggregator": start}, load=False)
        _load_plain(first, spec, state, source, typed)
        fresh = _fresh(net, first.state_dict())
        load_exactly(net, first.state_dict() | fresh, source)
        net.spec["backbone"]["weights"] = first.spec["backbone"]["weights"]
        return fresh
    ours, idle = from_foreign(net, state, layout, source)
    load_exactly(net, ours, source)
    net.spec["backbone"]["weights"] = layout  # those of the config were never read
    if idle:
        log.info("%s: %d tensors are for classification and left aside (%s, ...)", source, len(idle), idle[0])
    for line in unsaid(net, layout, typed):
        log.warning("%s: %s", source, line)
    return {}


def _changed(spec: Mapping[str, Any], wanted: Mapping[str, Any], typed: set[str]) -> dict[str, Any]:
    """A checkpoint's spec with what may be typed anew, and the aggregator that is to start from the file's."""
    changed = dict(spec)
    for key in ("image_size", "unit_length"):
        if key in typed:
            changed[key] = wanted[key]
    if changed["image_size"] != spec["image_size"] and is_of_one_size(spec["aggregator"]):
        raise InputError(
            f"image_size: the checkpoint's aggregator was trained for {spec['image_size']} alone; leave image_size out"
        )
    free = {key for key in MAY_DIFFER if f"backbone.{key}" in typed}
    known = inspect.signature(network_class(spec["backbone"]["_target_"])).parameters
    for key in sorted(free - known.keys()):
        raise InputError(f"backbone.{key}: the checkpoint's {spec['backbone']['_target_']} has no such key")
    changed["backbone"] = {**spec["backbone"], **{key: wanted["backbone"][key] for key in free}}
    there, here = spec["aggregator"], wanted.get("aggregator", spec["aggregator"])
    if "aggregator" in typed and here["_target_"] != there["_target_"]:
        kind: Any = network_class(here["_target_"])
        if getattr(kind, "starts_from", None) is network_class(there["_target_"]):
            kept = {key for key in here.keys() & there.keys() - {"_target_"} if f"aggregator.{key}" not in typed}
            changed["aggregator"] = {**here, **{key: there[key] for key in kept}}
    return changed


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
