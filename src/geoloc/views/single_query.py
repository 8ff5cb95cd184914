"""The whole query with its own aspect ratio."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from geoloc.views.view import shorter_side


@dataclass(frozen=True)
class SingleQuery:
    """The whole photo, its shorter side as long as that of the image size; its aspect ratio is kept.

    Queries may then differ in shape; those of one shape are described together.
    """

    count = 1

    def crops(self, image: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """See `View.crops`."""
        return shorter_side(image, min(size))[None]

    def sizes(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """See `View.sizes`: the longer side may be of any length."""
        side = min(size)
        return [(side, side), (side, side + 1), (side + 1, side)]
