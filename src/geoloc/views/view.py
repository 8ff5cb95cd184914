"""What a view is: how queries are shown to the network at test time, and what becomes of several crops of one.

The database is always resized as in training, and so is everything in training and validation: a view acts on the
queries of the test domains alone.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torchvision.transforms.v2 import functional as tf


class View(Protocol):
    """How a query is shown. One of several crops also is `Pools` or `Merges`."""

    @property
    def count(self) -> int:
        """V, the crops of each query."""
        ...

    def crops(self, image: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """(3, H, W) uint8 photo -> (V, 3, h, w) uint8 crops, where `size` is the network's (height, width)."""
        ...

    def sizes(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """(height, width) of the crops; where they depend on the photo, such that a network of these takes all."""
        ...


@runtime_checkable
class Pools(View, Protocol):
    """A view whose crops together give one descriptor, which is searched."""

    def pool(self, descriptors: np.ndarray) -> np.ndarray:
        """(Q, V, D) -> (Q, D) float32."""
        ...


@runtime_checkable
class Merges(View, Protocol):
    """A view whose crops are searched one by one; their candidates then become one list."""

    def merge(self, ids: np.ndarray, distances: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """One list of candidates for each query.

        Args:
            ids: (Q, V, c) int64 database rows that each crop found, best first; no row twice for a crop.
            distances: (Q, V, c) float32, their L2 distances.
            k: Candidates wanted, at most c.

        Returns:
            (Q, k) int64 database rows, no row twice for a query, and (Q, k) float32 L2 distances.
        """
        ...


def shorter_side(image: torch.Tensor, side: int) -> torch.Tensor:
    """(3, H, W) uint8 -> the same with a shorter side of `side` pixels and its aspect ratio, rounded down."""
    return tf.resize(image, [side], antialias=True)


class FiveSquares:
    """Five squares whose side is the shorter side of the image size: the four corners, then the centre."""

    count = 5

    def crops(self, image: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """See `View.crops`; the photo keeps its aspect ratio."""
        side = min(size)
        return torch.stack(tf.five_crop(shorter_side(image, side), [side, side]))

    def sizes(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """See `View.sizes`."""
        return [(min(size), min(size))]
