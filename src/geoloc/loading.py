"""Networks for those who use them from Python: from a run's folder, or what people take for one."""

from __future__ import annotations

from pathlib import Path

import torch

from geoloc.errors import InputError
from geoloc.net import SPEC_FILE, WEIGHTS_FILE, DescriptorNet


def load(path: str | Path, device: str | torch.device | None = None) -> DescriptorNet:
    """See `geoloc.load`."""
    net = DescriptorNet.load(folder_of(Path(path)))
    if device is None:
        return net
    try:
        return net.to(device)
    except (RuntimeError, AssertionError) as error:  # torch says either, of a device that is not there
        raise InputError(f"device={device}: cannot be used here ({str(error).splitlines()[0]})") from None


def folder_of(path: Path) -> Path:
    """The folder that holds a network.

    Args:
        path: The folder, or the file of the weights in it.

    Raises:
        InputError: It holds none; says what it is, and what would do.
    """
    if path.is_file():
        if path.name in (WEIGHTS_FILE, SPEC_FILE):
            return path.parent
        raise InputError(
            f"{path}: geoloc.load reads {WEIGHTS_FILE} of a finished run, or its folder, and no checkpoint; python -m"
            f" geoloc.run task=export checkpoint={path} writes such a folder"
        )
    if not path.is_dir():
        raise InputError(f"{path}: no such folder")
    if (path / WEIGHTS_FILE).is_file():
        return path
    runs = sorted(found.parent for found in path.glob(f"*/{WEIGHTS_FILE}"))
    if runs:
        raise InputError(f"{path}: is a folder of several runs, such as a sweep; name one of them, such as {runs[0]}")
    if (path / ".hydra").is_dir():
        raise InputError(
            f"{path}: this run has not finished, and has no {WEIGHTS_FILE} yet; python -m geoloc.run resume={path} goes"
            " on with it"
        )
    raise InputError(f"{path / WEIGHTS_FILE}: no such file; a finished run's folder holds it")
