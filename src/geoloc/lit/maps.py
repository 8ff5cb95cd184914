"""Maps of the frozen layers, stored for as long as training goes on: these layers make the same of an image each time.

Mining stores the maps of the images that it describes. Later rounds, and the training steps of images that are not
augmented, go on from there; such images are neither decoded nor put through the frozen layers again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from geoloc.data.batches import Tuples, photo_batch
from geoloc.errors import InputError
from geoloc.extraction.describer import TRIED
from geoloc.extraction.parted import parted, rest_of, stem_of
from geoloc.lit.map_file import MapFile, bytes_of
from geoloc.lit.slots import Slots
from geoloc.net import DescriptorNet

log = logging.getLogger(__name__)
GIB, MIB = 2**30, 2**20


class FrozenMaps(Callback):
    """The store of one training.

    Where training steps use the maps, all frozen layers run as training runs them but with batch norm folded in, also
    for images of which no maps are stored: what is trained does not depend on which are. Where steps do not use them,
    because every image is augmented, the maps are those of the describer's precision.

    Args:
        limit: GiB on the disk.
        path: Of the file; gone when training ends.
    """

    def __init__(self, limit: float, path: Path) -> None:
        self.limit = limit
        self.path = path
        self.way = ""
        self.stem: Any = None
        self.file: MapFile | None = None
        self.slots = Slots(0, 0)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Have tuples served with the places of their maps, if any image of them comes as it is."""
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        if stage == "fit" and data.triplets.untouched:
            data.triplets.places = np.full(len(data.train_domain), -1)
            module: Any = pl_module
            module.maps = self

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Training is over."""
        self._remove(trainer)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Training has failed, or was interrupted."""
        self._remove(trainer)

    def described(
        self, trainer: pl.Trainer, module: Any, rows: np.ndarray, mine: np.ndarray
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Describe images of the train domain with the weights of today, in the context that descriptions need.

        Args:
            trainer: Knows the processes and the data.
            module: Its describer has taken the network.
            rows: (R,) int64 of the images that all processes describe together.
            mine: Those of them that are this process's to describe.

        Yields:
            ((B,) int64 rows, (B, D) descriptors), first of the images that have to be read.
        """
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        self._choose(trainer, module, rows[:TRIED])
        assert self.file is not None
        stored = mine[self.slots.of[mine] >= 0]
        left = mine[self.slots.of[mine] < 0]
        count = int((self.slots.of[rows] >= 0).sum())
        self.slots.want(rows)
        rest = rest_of(module.net, module.describer.way)
        for images, batch in data.photos(data.train_domain, left):
            maps = self.stem(images.to(module.device, non_blocking=True))
            places = self.slots.of[batch.numpy()]
            self.file.write(places[places >= 0].tolist(), maps[torch.from_numpy(places >= 0)])
            yield batch, rest(maps)
        for start in range(0, len(stored), data.infer_batch_size):
            batch = stored[start : start + data.infer_batch_size]
            yield torch.from_numpy(batch), rest(self.file.read(self.slots.of[batch].tolist()).to(module.device))
        if data.triplets.places is not None:
            data.triplets.places = self.slots.of.copy()
        log.info("maps of the frozen layers: %d of %d images were stored already", count, len(rows))

    def of_tuples(self, module: Any, batch: Tuples) -> torch.Tensor:
        """(B * m, D) descriptors of training tuples, through which the layers that are not frozen learn."""
        if self.stem is None:  # a resumed run, which has its tuples already
            self._start(module.net, _way_of_steps(module))
        places = batch.places.flatten()
        with torch.no_grad():
            maps = self._maps(batch.images, places)
        return rest_of(module.net, "exact")(maps)

    def _maps(self, images: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        left = places < 0
        if left.all():
            return self.stem(images)
        assert self.file is not None
        maps = self.file.read(places.tolist()).to(images.device, non_blocking=True)
        if left.any():
            maps[left] = self.stem(images).to(maps.dtype)
        return maps

    def _choose(self, trainer: pl.Trainer, module: Any, rows: np.ndarray) -> None:
        """Let the describer try its ways with the weights of today, as it does without stored maps."""
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        tried = data.photos(data.train_domain, rows).dataset
        images, _ = photo_batch([tried[number] for number in range(len(rows))])
        images = images.to(module.device)
        module.describer(images)
        way = module.describer.way if data.triplets.places is None else _way_of_steps(module)
        if self.file is None or way != self.way:
            self._start(module.net, way)
            self._open(trainer, len(data.train_domain), self.stem(images[:1]))
            if data.triplets.places is None:
                log.info("training steps use no maps of frozen layers, since aug changes every image")

    def _start(self, net: DescriptorNet, way: str) -> None:
        self.way, self.stem = way, stem_of(net, way)

    def _open(self, trainer: pl.Trainer, images: int, sample: torch.Tensor) -> None:
        size = bytes_of(sample)
        places = min(images, int(self.limit * GIB) // size)
        if places == 0:
            raise InputError(
                f"frozen_maps: {self.limit:g} GiB do not hold the maps of one image ({size / MIB:.2f} MiB)"
            )
        self.slots = Slots(images, places)
        trainer.strategy.barrier("geoloc no maps in use")
        made = MapFile(self.path, places, sample, create=True) if trainer.is_global_zero else None
        trainer.strategy.barrier("geoloc maps made")
        self.file = made or MapFile(self.path, places, sample, create=False)
        log.info(
            "maps of the frozen layers: %.2f MiB an image (%s); room for %d of %d images in %.2f GiB on the disk",
            size / MIB,
            str(sample.dtype).removeprefix("torch."),
            places,
            images,
            places * size / GIB,
        )

    def _remove(self, trainer: pl.Trainer) -> None:
        if self.file is not None:
            self.file.file.close()
            self.file = None
        # Without a file of its own too: a resumed run that mines no more has that of the killed one.
        if trainer.is_global_zero and self.path.is_file():
            self.path.unlink()
            if not any(self.path.parent.iterdir()):
                self.path.parent.rmdir()


def check_parted(net: DescriptorNet) -> None:
    """Make sure that there are maps to store.

    Raises:
        InputError: The backbone has no frozen layers at its start.
    """
    if parted(net) is None:
        raise InputError(
            f"frozen_maps: has no effect on this {type(net.backbone).__name__}, whose first layers are trained or not"
            " one after the other; it needs a CNN that starts from pretrained weights, or backbone.freeze=early"
        )


def _way_of_steps(module: Any) -> str:
    """How the frozen layers run where training steps use their maps: never in less than the trainer's precision."""
    return "exact" if module.describer.precision == "exact" else "float32"
