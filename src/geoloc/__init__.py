"""geoloc: train and evaluate networks that tell where a photo was taken.

Importing this package loads neither Lightning, Hydra, wandb nor faiss; `geoloc.load` needs torch, torchvision (or
timm), safetensors and yaml only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from geoloc.net import DescriptorNet

__version__ = "0.1.0"


def load(folder: str | Path) -> DescriptorNet:
    """Load the network that a run has written, ready to describe images.

    Args:
        folder: A run's folder (it holds `model.safetensors` and `model.yaml`).

    Returns:
        The network in eval mode; `net.describe(images)` gives (B, D) unit-length descriptors.

    Raises:
        InputError: A file is missing or does not fit.
    """
    from geoloc.net import DescriptorNet

    return DescriptorNet.load(folder)
