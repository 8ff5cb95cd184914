"""Networks for those who use them from Python: from a run's folder, or whatever people take for one."""

from __future__ import annotations

from pathlib import Path

import torch

from geoloc.errors import InputError
from geoloc.net import SPEC_FILE, WEIGHTS_FILE, DescriptorNet


def load(path: str | Path, device: str | torch.device | None = None) -> DescriptorNet:
    """See `geoloc.load`."""
    net = DescriptorNet.load(folder_of(Path(path)))
    return net if device is None else net.to(device)


def folder_of(path: Path) -> Path:
    """The folder that holds a network.

    Raises:
        InputError: There is none; says what is there instead.
    """
    if path.name == WEIGHTS_FILE:
        return path.parent
    if path.is_file():
        raise InputError(
            f"{path}: is a checkpoint, or something else; geoloc.load reads the folder of a finished run, with its"
            f" {WEIGHTS_FILE} and {SPEC_FILE}; task=export checkpoint={path} makes one of a checkpoint"
        )
    if (path / WEIGHTS_FILE).is_file():
        return path
    jobs = sorted(each.parent for each in path.glob(f"*/{WEIGHTS_FILE}")) if path.is_dir() else []
    if jobs:
        raise InputError(
            f"{path}: is the folder of several runs, a sweep's perhaps; name one of them, such as {jobs[0]}"
        )
    if (path / ".hydra").is_dir():
        raise InputError(
            f"{path}: this run has not finished, so it has no {WEIGHTS_FILE}; python -m geoloc.run resume={path} goes"
            " on with it"
        )
    return path
