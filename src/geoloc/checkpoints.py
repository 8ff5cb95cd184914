"""Networks from checkpoint files: a run's folder, our own .ckpt, or a plain state dict."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from geoloc.backbones.weights import load_exactly, read_state_dict
from geoloc.errors import InputError
from geoloc.net import SPEC_FILE, WEIGHTS_FILE, DescriptorNet

log = logging.getLogger(__name__)
# Our own checkpoints carry plain values under this key: the network's spec and the epoch.
KEY = "geoloc"


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
    content = torch.load(path, map_location="cpu", weights_only=True)
    about = content.get(KEY) if isinstance(content.get(KEY), dict) else None
    if about is None:
        return Checkpoint(path, state, None, None)
    own = {name.removeprefix("net."): value for name, value in state.items() if name.startswith("net.")}
    return Checkpoint(path, own, about["network"], about["epoch"] + 1)


def load_network(path: str | Path, wanted: Mapping[str, Any], typed: set[str]) -> DescriptorNet:
    """Build the network that a checkpoint holds.

    A checkpoint of ours says what it is, so nothing about the network has to be repeated; what the user typed must
    agree with it. A plain state dict must fit the network of the config.

    Args:
        path: A run's folder, its `model.safetensors`, or see `read_checkpoint`.
        wanted: The config's `backbone`, `aggregator` and `image_size`.
        typed: Dotted keys that the user typed, such as {"backbone.cut", "image_size"}.

    Raises:
        InputError: One line that says what does not agree.
    """
    if Path(path).suffix == ".safetensors" and Path(path).name != WEIGHTS_FILE:
        raise InputError(f"checkpoint={path}: of .safetensors files only a finished run's {WEIGHTS_FILE} is read")
    folder = Path(path).parent if Path(path).name == WEIGHTS_FILE else Path(path)
    if (folder / SPEC_FILE).is_file():
        net, about = DescriptorNet.load(folder), "of a finished run"
        _agree(f"checkpoint={path}", net.spec, wanted, typed)
        spec = net.spec
    else:
        found = read_checkpoint(path)
        path, spec = found.path, dict(found.spec or wanted)
        if found.spec is not None:
            _agree(f"checkpoint={path}", spec, wanted, typed)
        net = DescriptorNet.from_spec(spec, load=False)
        load_exactly(net, found.state, f"checkpoint={path}")
        about = "a plain state dict" if found.epoch is None else f"epochs trained: {found.epoch}"
    if typed & {"backbone.freeze", "image_size"}:
        net = _changed(net, wanted, typed)
    if "backbone.weights" in typed:
        log.warning("backbone.weights has no effect: all weights come from checkpoint=%s", path)
    log.info("network: %s (%s)", path, about)
    return net


def _changed(net: DescriptorNet, wanted: Mapping[str, Any], typed: set[str]) -> DescriptorNet:
    """The same network with another image size or other frozen layers, where these were typed."""
    spec = dict(net.spec)
    if "image_size" in typed:
        spec["image_size"] = wanted["image_size"]
    if "backbone.freeze" in typed:
        spec["backbone"] = {**spec["backbone"], "freeze": wanted["backbone"]["freeze"]}
    changed = DescriptorNet.from_spec(spec, load=False)
    changed.load_state_dict(net.state_dict())
    return changed


def _agree(source: str, spec: Mapping[str, Any], wanted: Mapping[str, Any], typed: set[str]) -> None:
    """Refuse what was typed of backbone or aggregator if it is not the checkpoint's."""
    for part in ("backbone", "aggregator"):
        keys = spec[part].keys() | wanted.get(part, {}).keys()
        # Where training starts from and what it freezes is not what the network is.
        asked = {key for key in keys - {"weights", "freeze"} if part in typed or f"{part}.{key}" in typed}
        wrong = [key for key in sorted(asked) if spec[part].get(key) != wanted[part].get(key)]
        if wrong:
            differ = ", ".join(
                f"{key} is {spec[part].get(key)} there and {wanted[part].get(key)} here" for key in wrong
            )
            raise InputError(f"{source}: another {part} than typed ({differ}); leave {part} out to take the file's")
