"""The default view: queries are resized as in training."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from geoloc.data.images import resize


@dataclass(frozen=True)
class HardResize:
    """The whole photo at the image size; its aspect ratio is not kept."""

    count = 1

    def crops(self, image: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """See `View.crops`."""
        return resize(image, size)[None]

    def sizes(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """See `View.sizes`."""
        return [size]
