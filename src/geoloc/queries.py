"""Photos as a view shows them to descriptors, such that one that cannot be read spoils nothing but itself."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from geoloc.data.batches import by_shape
from geoloc.data.images import Decode, enough_for
from geoloc.data.jpeg import same_as_pillow
from geoloc.data.loaders import clamp_workers, workers_for
from geoloc.data.pixels import Photo, whole
from geoloc.data.prepare.heic import read_heic_too
from geoloc.data.progress import progress_bar
from geoloc.errors import InputError
from geoloc.extraction.batch import batch_size
from geoloc.extraction.describer import Describer
from geoloc.extraction.precision import Precision
from geoloc.modes import eval_mode
from geoloc.net import DescriptorNet
from geoloc.views.hard_resize import HardResize
from geoloc.views.view import View

Look = tuple[torch.Tensor, torch.Tensor]  # (b, 3, h, w) uint8 crops of one shape, (b,) int64 rows
Failure = tuple[int, str]  # photo, why it cannot be read


@dataclass(frozen=True)
class Describing:
    """How queries are described.

    Attributes:
        view: How each is shown.
        precision: See `Describer`.
        batch: Crops at once; None: as many as fit.
        workers: Loader processes at most; None: one a core, at most 8.
        decode: How much of a JPEG is decoded.
        shown: Show progress and time left.
    """

    view: View = field(default_factory=HardResize)
    precision: Precision = "auto"
    batch: int | None = None
    workers: int | None = None
    decode: Decode = "full"
    shown: bool = True


class Looks(Dataset):
    """The crops of photos; crop v of photo q, of V crops each, has row q * V + v.

    Args:
        photos: Paths, PIL images or arrays.
        view: How each is shown.
        size: The network's (height, width) in pixels.
        decode: How much of a JPEG is decoded.
    """

    def __init__(self, photos: Sequence[Photo], view: View, size: tuple[int, int], decode: Decode = "full") -> None:
        self.photos = photos
        self.view = view
        self.size = size
        self.enough = enough_for(size, decode)

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, number: int) -> Look | Failure:
        """The crops of a photo with their rows, or its number and why it cannot be read."""
        try:
            photo = whole(self.photos[number], self.enough)
        except InputError as error:
            return number, str(error)
        return self.view.crops(photo, self.size), number * self.view.count + torch.arange(self.view.count)

    def ready(self, _: int) -> None:
        """Prepare a loader process: one that was not forked does not know how HEIC files are opened."""
        read_heic_too([Path(photo) for photo in self.photos])  # type: ignore[arg-type]


class Together:
    """Items of `Looks` -> crops of the same shape together, and the failures.

    Args:
        at_most: Crops that are described at once.
    """

    def __init__(self, at_most: int) -> None:
        self.at_most = at_most

    def __call__(self, items: Sequence[Look | Failure]) -> tuple[list[Look], list[Failure]]:
        """Part a batch."""
        looks = [item for item in items if isinstance(item[0], torch.Tensor)]
        failures = [item for item in items if not isinstance(item[0], torch.Tensor)]
        return by_shape(looks, self.at_most), failures


def describe_queries(
    net: DescriptorNet, photos: Sequence[Photo], how: Describing, describer: Describer
) -> tuple[np.ndarray, dict[int, str]]:
    """Describe photos as a view shows them.

    Args:
        net: The network, on the device where it is to work; it uses its `multiscale` if it has one.
        photos: Paths, PIL images or (H, W, 3) uint8 RGB arrays.
        how: They are described.
        describer: Has taken the network.

    Returns:
        (Q * V, D) float32 descriptors of all crops, NaN for those of photos that cannot be read; and number -> why, of
        these photos.
    """
    same_as_pillow()  # asked once, here: workers inherit the answer
    view = how.view
    data = Looks(photos, view, net.image_size, how.decode)
    batch = how.batch or batch_size(net, net.mean.device)
    each = max(1, batch // view.count)
    files = all(isinstance(photo, str | os.PathLike) for photo in photos)
    number = workers_for(len(photos), -(-len(photos) // each), clamp_workers(how.workers)) if files else 0
    loader = DataLoader(
        data, each, num_workers=number, collate_fn=Together(batch), worker_init_fn=data.ready if number else None
    )
    found = np.full((len(photos) * view.count, net.out_dim), np.nan, np.float32)
    unreadable: dict[int, str] = {}
    done = 0
    with progress_bar("describing queries", "photos", how.shown) as advance, eval_mode(net), torch.inference_mode():
        for looks, failures in loader:
            for images, rows in looks:
                found[rows.numpy()] = describer(images.to(net.mean.device)).float().cpu().numpy()
            unreadable |= dict(failures)
            done = min(done + each, len(photos))
            advance(done, len(photos))
    return found, unreadable
