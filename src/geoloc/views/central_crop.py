"""The middle of the query at the image size."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torchvision.transforms.v2 import functional as tf

from geoloc.data.images import resize


@dataclass(frozen=True)
class CentralCrop:
    """The photo scaled until it just covers the image size, and its centre cut out; its aspect ratio is kept."""

    count = 1

    def crops(self, image: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """See `View.crops`."""
        height, width = image.shape[-2:]
        scale = max(size[0] / height, size[1] / width)
        covering = (max(size[0], round(height * scale)), max(size[1], round(width * scale)))
        return tf.center_crop(resize(image, covering), list(size))[None]

    def sizes(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """See `View.sizes`."""
        return [size]
