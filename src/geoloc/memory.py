"""What a run is going to need in memory and on disk, worked out before anything heavy starts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from geoloc.net import DescriptorNet

FLOAT = 4  # bytes of a float32


@dataclass(frozen=True)
class Stage:
    """Descriptors that lie on disk at the same time, memory-mapped.

    Attributes:
        name: Of the stage, such as "test".
        rows: Images described, of each of its domains.
        value: Bytes of a value.
    """

    name: str
    rows: dict[str, int]
    value: int = FLOAT

    def bytes(self, dim: int) -> int:
        """Of the files: the values, and a flag a row."""
        return sum(self.rows.values()) * (dim * self.value + 1)


def biggest(stages: Sequence[Stage]) -> Stage:
    """The stage that needs most room on the disk."""
    return max(stages, key=lambda stage: stage.value * sum(stage.rows.values()))


def index_bytes(index: Any, database: int, dim: int) -> int | None:
    """Memory that an index takes besides the descriptors on disk; None where it does not tell."""
    tell = getattr(index, "memory", None)
    return None if tell is None else int(tell(database, dim))


def kept_for_backward(net: DescriptorNet) -> int:
    """Bytes that the backward pass of one training image needs, as autograd keeps them; nothing is computed.

    The batch needs so many times its images; what single operations need in passing comes on top.
    """
    twin, own = _without_memory(net)
    twin.train()
    kept: dict[int, tuple[torch.Tensor, int]] = {}  # tensors are held, since a freed one's address may come again

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if _storage(tensor) not in own:
            kept[_storage(tensor)] = (tensor, tensor.untyped_storage().nbytes())
        return tensor

    # Two images: batch norm refuses statistics of single values.
    images = torch.zeros(2, 3, *net.image_size, dtype=torch.uint8, device="meta")
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        twin(images)
    return sum(size for _, size in kept.values()) // 2


def _without_memory(net: DescriptorNet) -> tuple[DescriptorNet, set[int]]:
    """A copy on device "meta", which computes shapes alone, and the storages of its parameters and buffers."""
    from copy import deepcopy

    twins: dict[int, Any] = {id(each): nn.Parameter(each.to("meta"), each.requires_grad) for each in net.parameters()}
    twins |= {id(each): each.to("meta") for each in net.buffers()}
    return deepcopy(net, dict(twins)), {_storage(tensor) for tensor in twins.values()}


def forward_bytes(net: DescriptorNet) -> int:
    """Bytes that describing one image takes at its peak, but for what single operations need in passing.

    Counted as inputs and outputs of the layer that has most of them, and a map as large as its output that waits for a
    residual connection; nothing is computed.
    """
    twin, _ = _without_memory(net)
    most = 0

    def look(layer: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        nonlocal most
        tensors = [each for each in (*inputs, output, output) if isinstance(each, torch.Tensor)]
        most = max(most, sum(each.nbytes for each in tensors))

    for layer in twin.modules():
        if not list(layer.children()):
            layer.register_forward_hook(look)
    twin.describe(torch.zeros(1, 3, *net.image_size, dtype=torch.uint8, device="meta"))
    return most


def _storage(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage()._cdata


def free_memory() -> int | None:
    """Bytes that programs may still take without swapping; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) * 1024 if found else None


def resident_memory() -> int | None:
    """Bytes of memory that this process holds, its workers not counted; None where the system does not say."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def free_disk(folder: Path) -> int:
    """Bytes that are free where a folder lies, or is going to lie."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(there).free


def size(number: float) -> str:
    """Bytes as people say them, in powers of ten.

    Example:
        >>> size(9_959_374_848), size(44_800_000), size(900)
        ('10.0 GB', '44.8 MB', '0.0 MB')
    """
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{number / 1e6:.1f} MB"
