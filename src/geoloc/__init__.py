"""geoloc: train and evaluate networks that tell where a photo was taken.

Importing this package loads neither Lightning, Hydra, wandb nor faiss, and not even torch. `geoloc.load` and
`geoloc.Index` need torch, torchvision (or timm), scipy, pillow, utm, safetensors, yaml and filelock only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from geoloc.net import DescriptorNet
    from geoloc.place_index.index import Index as Index

__version__ = "0.1.0"
__all__ = ["Index", "load"]


def load(folder: str | Path, device: str | torch.device | None = None) -> DescriptorNet:
    """Load the network that a run has written, ready to describe images.

    Args:
        folder: A run's folder or an exported one (it holds `model.safetensors` and `model.yaml`), or that
            `model.safetensors` itself.
        device: Where the network is put, such as "cuda"; None: it stays on the CPU.

    Returns:
        The network in eval mode; `net.describe(images)` gives (B, D) unit-length descriptors.

    Raises:
        InputError: A file is missing or does not fit; says what would.
    """
    from geoloc.loading import load

    return load(folder, device)


if not TYPE_CHECKING:  # or every wrong name would be of type Any

    def __getattr__(name: str) -> Any:
        if name == "Index":
            from geoloc.place_index.index import Index

            return Index
        raise AttributeError(f"module 'geoloc' has no attribute {name!r}")
