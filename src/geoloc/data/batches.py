"""How images become batches: the channels of a pixel stay side by side, as decoders give and convolutions want them.

torch's own collation would sort the values into three planes, which convolutions then undo.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.utils.data import default_collate


def stacked(images: Sequence[torch.Tensor]) -> torch.Tensor:
    """(..., 3, H, W) images of one shape -> (N, ..., 3, H, W)."""
    return torch.stack([image.movedim(-3, -1) for image in images]).movedim(-1, -3)


def batch_of(images: Sequence[torch.Tensor]) -> torch.Tensor:
    """The same; in a loader's worker straight into memory that it shares with the main process."""
    return default_collate([image.movedim(-3, -1) for image in images]).movedim(-1, -3)


class Tuples(NamedTuple):
    """Training tuples, of some of whose images the maps of the frozen layers are stored.

    Attributes:
        images: (n, 3, H, W) uint8, those of which they are not, in the order of `places`.
        places: (B, m) int64, where the maps of each image are; -1 for those among `images`.
    """

    images: torch.Tensor
    places: torch.Tensor

    @property
    def shape(self) -> torch.Size:
        """(B, m): tuples, and images of each; as of a tensor of images."""
        return self.places.shape


def tuple_batch(items: Sequence[tuple[torch.Tensor, Sequence[int]]]) -> Tuples:
    """((k, 3, H, W) uint8 images of which no maps are stored, place of each image of the tuple) each -> `Tuples`."""
    images = [image for some, _ in items for image in some]
    return Tuples(batch_of(images) if images else items[0][0], torch.tensor([places for _, places in items]))


def photo_batch(items: Sequence[tuple[torch.Tensor, int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """((3, H, W) uint8 image, row) each -> ((B, 3, H, W) images, (B,) int64 rows)."""
    images, rows = zip(*items, strict=True)
    return batch_of(images), torch.tensor(rows)


def by_shape(
    items: Sequence[tuple[torch.Tensor, torch.Tensor]], at_most: int
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Put crops of the same shape together, so that photos of any shapes can be loaded in one batch.

    Args:
        items: ((n, 3, h, w) crops, (n,) rows) of each photo.
        at_most: Crops of a group; more become several groups.

    Returns:
        ((b, 3, h, w) crops, (b,) rows) of each group.
    """
    groups: dict[torch.Size, list[tuple[torch.Tensor, torch.Tensor]]] = {}
    for crops, numbers in items:
        groups.setdefault(crops.shape[1:], []).extend(zip(crops, numbers, strict=True))
    found = []
    for group in groups.values():
        for start in range(0, len(group), at_most):
            images, rows = zip(*group[start : start + at_most], strict=True)
            found.append((batch_of(images), torch.stack(rows)))
    return found
