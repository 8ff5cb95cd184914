"""Which images of a training tuple are augmented, and when; what is drawn depends on (seed, epoch, query) alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
import torch

from geoloc.data.augment.step import Chain, Change
from geoloc.data.batches import stacked
from geoloc.data.images import read_pixels, resize
from geoloc.data.twins import Twins

Role = Literal["query", "positive", "negative"]
ROLES: tuple[Role, ...] = ("query", "positive", "negative")


class Augment:
    """Augmentation of training tuples; mining, validation and test never see it.

    Args:
        steps: One after the other, drawn anew for each image of `images`.
        images: Which images of the tuple get `steps`: "query", "positive", "negative".
        shared: Afterwards, drawn once and applied alike to all images of the tuple, such as a flip.
        full_size: Apply `steps` to the photo as it is, before it is resized to the network's size. What a camera does
            to each pixel, such as noise, belongs after; geometry loses less before.
        twins: Draws the query's photo or its translated twin, before it is read; None for none.
        keep_original: Train on the query as it is, too: the tuple then has two views of it, and each has triplets with
            the positive and the negatives.

    Attributes:
        views: Views of the query in each tuple, 1 or 2.
        untouched: Which images of a tuple are always as they are.

    Raises:
        ValueError: Steps for no image, or a second view that could not differ from the first.
    """

    def __init__(
        self,
        steps: Sequence[Change] = (),
        images: Sequence[Role] = ("query",),
        shared: Sequence[Change] = (),
        full_size: bool = False,
        twins: Twins | None = None,
        keep_original: bool = False,
    ) -> None:
        self.steps, self.shared = Chain(steps), Chain(shared)
        self.images = frozenset(images)
        self.full_size = full_size
        self.twins = twins
        self.views = 2 if keep_original else 1
        touched = ({"query"} if twins is not None else set()) | (self.images if self.steps.steps else frozenset())
        self.untouched = frozenset[Role]() if self.shared.steps else frozenset(ROLES) - touched
        if self.steps.steps and not self.images:
            raise ValueError("images: [] gives the steps no image to change; name query, positive or negative")
        if keep_original and twins is None and not (self.steps.steps and "query" in self.images):
            raise ValueError("keep_original: nothing changes the query, so both views of it would be the same")

    def check(self, queries: Sequence[str]) -> None:
        """Make sure, before anything is computed, that there is what training will read.

        Args:
            queries: Paths of all training queries.

        Raises:
            InputError: Twins are missing.
        """
        if self.twins is not None:
            self.twins.check(queries)

    def __call__(
        self,
        paths: Sequence[str | None],
        size: tuple[int, int],
        key: Sequence[int],
        enough: tuple[int, int] | None = None,
    ) -> torch.Tensor:
        """Read and augment a tuple.

        Args:
            paths: Of query, positive, negatives; None for those, never the query, that are not wanted.
            size: (height, width) of the result in pixels.
            key: Numbers that fix all draws, such as (seed, epoch, query row).
            enough: See `read_pixels`.

        Returns:
            (views + 1 + n, 3, height, width) uint8: the query as augmented, then as it is if that is kept; the
            positive, the negatives; without those that are not wanted.
        """
        query, *others = paths
        assert query is not None
        roles: list[Role] = ["positive", *["negative"] * (len(others) - 1)]  # type: ignore[list-item]
        read = lru_cache(maxsize=1)(lambda path: read_pixels(path, enough))  # the query may be wanted twice
        with torch.random.fork_rng(devices=[]):
            # Numbers from 1: seeds of (..., 0) are those of what all images share.
            images = [self._image(query, "query", size, [*key, 1], read)]
            if self.views == 2:
                images.append(resize(read(query), size))
            images += [
                self._image(path, role, size, [*key, number], read)
                for number, (path, role) in enumerate(zip(others, roles, strict=True), 2)
                if path is not None
            ]
            if self.shared.steps:
                images = [_seeded([*key, 0], self.shared, image) for image in images]
        return stacked(images)

    def _image(
        self, path: str, role: Role, size: tuple[int, int], key: Sequence[int], read: Callable[[str], torch.Tensor]
    ) -> torch.Tensor:
        _start(key)
        if self.twins is not None and role == "query":
            path = self.twins(path)
        image = read(path)
        if role not in self.images or not self.steps.steps:
            return resize(image, size)
        if self.full_size:
            return resize(in_floats(self.steps, image), size)
        return in_floats(self.steps, resize(image, size))


def in_floats(change: Callable[[torch.Tensor], torch.Tensor], image: torch.Tensor) -> torch.Tensor:
    """Apply a change of float images from 0 to 1 to a uint8 image."""
    return (change(image.float() / 255).nan_to_num(0).clamp(0, 1) * 255).round().to(torch.uint8)


def _seeded(key: Sequence[int], change: Change, image: torch.Tensor) -> torch.Tensor:
    _start(key)
    return in_floats(change, image)


def _start(key: Sequence[int]) -> None:
    """Seed the CPU's generator alone: those of devices go on as if nothing had been drawn."""
    torch.default_generator.manual_seed(int(np.random.SeedSequence(list(key)).generate_state(1)[0]))
