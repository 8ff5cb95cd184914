"""Loading of pretrained weights, with one clear line where they cannot be had."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import torch
from torch import nn

from geoloc.errors import InputError


def read_state_dict(path: str | Path) -> dict[str, torch.Tensor]:
    """Read a file of tensors by name, safely (no code in the file is run).

    Accepts a plain state dict, one under the key `state_dict` or `model_state_dict`, and names prefixed by `module.`.

    Raises:
        InputError: The file is missing or holds something else.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file of weights")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = type(error).__name__
        raise InputError(f"{path}: cannot be read safely as a file of weights ({reason})") from None
    for key in ("state_dict", "model_state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise InputError(f"{path}: holds no state dict (names with tensors)")
    return {name.removeprefix("module."): value for name, value in content.items()}


def load_exactly(module: nn.Module, state: dict[str, torch.Tensor], source: str) -> None:
    """Load `state` into `module`; every name and shape must fit.

    Raises:
        InputError: One line that counts what is missing, left over or of another shape, with an example each.
    """
    own = module.state_dict()
    missing = [name for name in own if name not in state and not name.endswith("num_batches_tracked")]
    surplus = [name for name in state if name not in own]
    shapes = [name for name in own if name in state and own[name].shape != state[name].shape]
    if missing or surplus or shapes:
        parts = []
        if shapes:
            name = shapes[0]
            parts.append(
                f"{len(shapes)} of another shape ({name} is {tuple(state[name].shape)} there and"
                f" {tuple(own[name].shape)} here)"
            )
        parts += [f"{len(missing)} missing ({missing[0]})"] if missing else []
        parts += [f"{len(surplus)} unknown ({surplus[0]})"] if surplus else []
        raise InputError(f"{source}: does not fit this network: {', '.join(parts)}")
    module.load_state_dict(state, strict=False)


def download(what: str, fetch: Callable[[], dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Weights of torchvision from its cache or the network.

    Raises:
        InputError: Not in the cache and no network; says what to do.
    """
    try:
        return fetch()
    except (URLError, OSError, RuntimeError) as error:
        raise InputError(
            f"backbone.weights=imagenet: weights of {what} are not in {torch.hub.get_dir()}/checkpoints and cannot be"
            f" downloaded ({error}); run once with a network, or give backbone.weights=PATH of torchvision's file, or"
            " backbone.weights=none to start from random weights"
        ) from None
