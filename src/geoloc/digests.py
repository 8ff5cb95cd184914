"""Hashes of networks, by which descriptors of two of them are told apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import torch


def digest_of(content: Any, state: Mapping[str, torch.Tensor]) -> str:
    """32 hexadecimal digits that change with any value.

    Args:
        content: Plain values.
        state: Tensors by name, on any device, in any memory format.
    """
    found = hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16)
    for name, value in sorted(state.items()):
        array = value.detach().cpu().contiguous()
        found.update(f"{name} {array.dtype} {tuple(array.shape)}".encode())
        found.update(array.flatten().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
