"""Where bfloat16 pays: on processors with matrix units for it. Elsewhere it is slower than float32, or no faster."""

from __future__ import annotations

from typing import Literal

import torch

# "exact": the network as it is trained. "float32": the same function with fewer operations. "bfloat16": the backbone's
# weights and maps in bfloat16, all that comes after it in float32. "auto": one of the last two, by the processor.
Precision = Literal["auto", "exact", "float32", "bfloat16"]


def fastest(device: torch.device) -> Precision:
    """The fastest precision on a device: "bfloat16" on CPUs with AMX and on GPUs since Ampere, else "float32"."""
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.get_device_capability(device)[0] >= 8 else "float32"
    # A CPU may have bfloat16 (AVX-512) without AMX; a compiled float32 network is faster there.
    supported = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return "bfloat16" if device.type == "cpu" and supported is not None and supported() else "float32"
