"""Where fewer digits pay: on processors with matrix units for them. Elsewhere they are slower, or no faster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

# "exact": the network as it is, in true float32. "float32": the same function with fewer operations. "tf32": the
# backbone's products with 10 bits of mantissa, as GPUs since Ampere have it. "bfloat16": its weights and maps with 7;
# all that comes after it is in true float32. "auto": one of the last three, by the processor.
Precision = Literal["auto", "exact", "float32", "tf32", "bfloat16"]
FASTEST_FIRST: tuple[Precision, ...] = ("bfloat16", "tf32", "float32")


def fastest(device: torch.device) -> Precision:
    """The fastest precision on a device: "bfloat16" on CPUs with AMX and on GPUs since Ampere, else "float32"."""
    if device.type == "cuda":
        return "bfloat16" if has_tf32(device) else "float32"
    # A CPU may have bfloat16 (AVX-512) without AMX; a compiled float32 network is faster there.
    supported = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return "bfloat16" if device.type == "cpu" and supported is not None and supported() else "float32"


def ways_from(wanted: Precision, device: torch.device) -> list[Precision]:
    """What is tried on a device, in this order, if a precision is wanted; nothing for "exact"."""
    if wanted == "exact":
        return []
    ways = FASTEST_FIRST[FASTEST_FIRST.index(fastest(device) if wanted == "auto" else wanted) :]
    return [way for way in ways if way != "tf32" or has_tf32(device)]


def has_tf32(device: torch.device) -> bool:
    """Whether it is a GPU since Ampere."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device)[0] >= 8


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Products of float32 values on GPUs in TF32, or not; torch has convolutions in it unless it is told otherwise."""
    before = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    torch.backends.cudnn.allow_tf32 = allowed
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before[0]
        torch.set_float32_matmul_precision(before[1])
