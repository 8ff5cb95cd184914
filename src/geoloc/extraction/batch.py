"""How many images are described at once: as many as fit, for a GPU is idle between small batches."""

from __future__ import annotations

import torch

from geoloc.memory import forward_bytes, free_memory
from geoloc.net import DescriptorNet

ON_CPU, ON_GPU = 16, 256  # more bring nothing


def batch_size(net: DescriptorNet, device: torch.device) -> int:
    """A power of two, so that a third of the memory that is free now holds the maps of so many images.

    Args:
        net: The network.
        device: Where it is going to be.
    """
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()
    most = ON_GPU if device.type == "cuda" else ON_CPU
    if free is None:
        return most
    try:
        needed = forward_bytes(net)
    except Exception:  # a foreign backbone that asks for values, which there are none without memory
        return ON_CPU
    fitting = max(1, int(free / 3 / max(1, needed)))
    return min(most, 1 << (fitting.bit_length() - 1))
