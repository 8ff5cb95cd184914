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
from geoloc.net import SPEC_FILE, DescriptorNet

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
        path: See `read_checkpoint`.
        wanted: The config's `backbone`, `aggregator` and `image_size`.
        typed: Which of these the user typed.

    Raises:
        InputError: One line that says what does not agree.
    """
    if (Path(path) / SPEC_FILE).is_file():
        net = DescriptorNet.load(path)
        _agree(f"{path}", net.spec, wanted, typed)
        log.info("network: %s", path)
        return net
    found = read_checkpoint(path)
    if found.spec is not None:
        _agree(f"checkpoint={found.path}", found.spec, wanted, typed)
    spec = found.spec or wanted
    if "image_size" in typed:
        spec = {**spec, "image_size": wanted["image_size"]}
    net = DescriptorNet.from_spec(spec, load=False)
    load_exactly(net, found.state, f"checkpoint={found.path}")
    trained = "a plain state dict" if found.epoch is None else f"{found.epoch} epochs trained"
    log.info("network: %s (%s)", found.path, trained)
    return net


def _agree(source: str, spec: Mapping[str, Any], wanted: Mapping[str, Any], typed: set[str]) -> None:
    """Refuse a typed backbone or aggregator that is not the checkpoint's."""
    ignored = {"weights", "freeze"}  # where training starts from, not what the network is
    for part in sorted(typed & {"backbone", "aggregator"}):
        have = {key: value for key, value in spec[part].items() if key not in ignored}
        want = {key: value for key, value in wanted[part].items() if key not in ignored}
        if have != want:
            keys = [key for key in sorted(have.keys() | want.keys()) if have.get(key) != want.get(key)]
            differ = ", ".join(f"{key} is {have.get(key)} there and {want.get(key)} here" for key in keys)
            raise InputError(f"{source}: another {part} than typed ({differ}); leave {part} out to take the file's")
