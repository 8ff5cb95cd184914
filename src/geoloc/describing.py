"""Photos to descriptors outside of a run: as fast as one, with neither Lightning nor Hydra."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from geoloc.data.batches import photo_batch
from geoloc.data.jpeg import same_as_pillow
from geoloc.data.loaders import clamp_workers, workers_for
from geoloc.data.pixels import Photo, photos_of, pixels_of
from geoloc.data.prepare.heic import read_heic_too
from geoloc.data.progress import progress_bar
from geoloc.extraction.batch import batch_size as fitting_batch
from geoloc.extraction.compiling import Shapes, shapes
from geoloc.extraction.describer import TRIED, Describer
from geoloc.extraction.precision import Precision
from geoloc.modes import eval_mode
from geoloc.net import DescriptorNet


class Photos(Dataset):
    """Photos of any kind at one size.

    Args:
        photos: As `photos_of` gives them.
        size: (height, width) in pixels.
    """

    def __init__(self, photos: Sequence[Photo], size: tuple[int, int]) -> None:
        self.files = all(isinstance(photo, str | os.PathLike) for photo in photos)
        # An array of str instead of a list of objects: workers then share it without copying (reference counts).
        self.photos = np.array([str(photo) for photo in photos]) if self.files else photos
        self.size = size

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        """((3, H, W) uint8 image, row)."""
        return pixels_of(self.photos[row], self.size), row

    def ready(self, number: int) -> None:
        """Prepare loader process `number`: one that was not forked does not know how HEIC files are opened."""
        read_heic_too([Path(str(photo)) for photo in self.photos])


def describe_photos(
    net: DescriptorNet,
    photos: Photo | Iterable[Photo],
    *,
    device: str | torch.device | None = None,
    batch_size: int | None = None,
    workers: int | None = None,
    precision: Precision = "auto",
    describer: Describer | None = None,
    out: np.ndarray | None = None,
    what: str = "describing photos",
    shown: bool = True,
) -> np.ndarray:
    """Describe photos, with loader processes and by the fast twin of the network, as task=describe does.

    Args:
        net: The network.
        photos: Paths, PIL images or (H, W, 3) uint8 RGB arrays, of any sizes; each is resized to `net.image_size`.
        device: Where the network is moved to, and stays; None: it stays where it is.
        batch_size: Photos described at once; None: as many as fit.
        workers: Loader processes at most; None: one a core, at most 8. Few photos get fewer, and photos that are no
            files none.
        precision: In which the backbone works; "auto": the fastest that agrees with the network itself.
        describer: One to be used again: it keeps its twin of the network from call to call, and `precision` has no
            effect. None: see `describer_for`.
        out: (N, D) float32 or float16 array that the descriptors are written into, such as a mapped one.
        what: Name of the work, for the progress bar.
        shown: Show progress and time left, where the process shows such things.

    Returns:
        (N, D) float32 descriptors of unit length in the order of the photos; or `out`.

    Raises:
        InputError: A photo cannot be read, or is none; names it.
    """
    listed = photos_of(photos)
    found = np.empty((len(listed), net.out_dim), np.float32) if out is None else out
    how = describer or describer_for(precision, len(listed))
    start = 0
    for vectors in described(net, listed, how, device, batch_size, workers, what, shown):
        found[start : start + len(vectors)] = vectors
        start += len(vectors)
    return found


def described(
    net: DescriptorNet,
    photos: Sequence[Photo],
    describer: Describer,
    device: str | torch.device | None = None,
    batch_size: int | None = None,
    workers: int | None = None,
    what: str = "describing photos",
    shown: bool = True,
) -> Iterator[np.ndarray]:
    """The descriptors of photos, batch by batch, (b, D) float32; see `describe_photos`."""
    if device is not None:
        net.to(device)
    at = net.mean.device
    batch = batch_size or fitting_batch(net, at)
    if describer.net is not net:
        describer.take(net, _compiled_for(net, at, len(photos), batch))
    with progress_bar(what, "images", shown) as advance:
        for images, rows in _loader(photos, net, batch, workers, at):
            with eval_mode(net), torch.inference_mode():
                vectors = describer(images.to(at, non_blocking=True)).float().cpu().numpy()
            advance(int(rows[-1]) + 1, len(photos))
            yield vectors


def describer_for(precision: Precision, photos: int) -> Describer:
    """What describes so many photos: of up to four, for which a twin would not pay, "auto" asks the network itself."""
    return Describer("exact" if precision == "auto" and photos <= TRIED else precision)


def _loader(
    photos: Sequence[Photo], net: DescriptorNet, batch: int, workers: int | None, device: torch.device
) -> DataLoader:
    """((B, 3, H, W) uint8 images, (B,) rows), in order."""
    same_as_pillow()  # asked once, here: workers inherit the answer
    data = Photos(photos, net.image_size)
    number = workers_for(len(data), -(-len(data) // batch), clamp_workers(workers)) if data.files else 0
    return DataLoader(
        data,
        batch,
        num_workers=number,
        collate_fn=photo_batch,
        pin_memory=device.type == "cuda",
        worker_init_fn=data.ready if number else None,
    )


def _compiled_for(net: DescriptorNet, device: torch.device, images: int, batch: int) -> Shapes | None:
    """What the backbone is compiled for, at all scales at which images are shown."""
    scales = net.multiscale
    sizes = [net.image_size] if scales is None else list(scales.sizes(*net.image_size).values())
    return shapes("auto", device, images, batch, sizes)
