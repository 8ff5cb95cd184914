"""The train domain's tuples, and one loader for each domain of validation and test."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Literal

import numpy as np
import torch
from pytorch_lightning import LightningDataModule
from torch.utils.data import DataLoader

from geoloc.data.augment.tuples import Augment
from geoloc.data.batches import batch_of, by_shape, photo_batch, tuple_batch
from geoloc.data.datasets import Crops, Images, Triplets
from geoloc.data.domains import Domain
from geoloc.data.images import Decode
from geoloc.data.jpeg import same_as_pillow
from geoloc.data.loaders import StartedOnce, clamp_workers, workers_for
from geoloc.data.overlap import same_photo
from geoloc.errors import InputError
from geoloc.mining.truth import Truth, usable
from geoloc.views.hard_resize import HardResize
from geoloc.views.view import View

log = logging.getLogger(__name__)


class PlaceDataModule(LightningDataModule):
    """Serves mined tuples for training and single photos for validation and test.

    Args:
        train: Train domain; None if nothing is trained.
        val: Validation domains.
        test: Test domains.
        image_size: (height, width) in pixels.
        radii: Metres: (train positives within, train negatives outside).
        augment: Of training tuples; None for none.
        train_batch_size: Tuples.
        infer_batch_size: Images.
        num_workers: Loader processes at most; None: one a core. Few images get fewer.
        seed: Of shuffling and augmentation.
        view: How the queries of the test domains are shown; None: as in training.
        decode: How much of a JPEG is decoded, in all domains alike.

    Attributes:
        tested: Domains that a test is of, "test" or "val".
        left: Name of a tested domain -> (n,) int64 photos that are to be described; all of those that are not in it.
    """

    def __init__(
        self,
        train: Domain | None,
        val: Sequence[Domain],
        test: Sequence[Domain],
        image_size: tuple[int, int],
        radii: tuple[float, float] = (10.0, 25.0),
        augment: Augment | None = None,
        train_batch_size: int = 4,
        infer_batch_size: int = 16,
        num_workers: int | None = None,
        seed: int = 0,
        view: View | None = None,
        decode: Decode = "full",
    ) -> None:
        super().__init__()
        self.domains = {"val": list(val), "test": list(test)}
        self.image_size = image_size
        self.train_batch_size = train_batch_size
        self.infer_batch_size = infer_batch_size
        self.workers = clamp_workers(num_workers)
        same_as_pillow()  # asked once, here: workers inherit the answer
        self.seed = seed
        self.view = view or HardResize()
        self.decode: Decode = decode
        self.tested: Literal["test", "val"] = "test"
        self.left: dict[str, np.ndarray] = {}
        self.train_domain = train
        if train is not None:
            self.truth = train_truth(train, *radii)
            self.triplets = Triplets(train, image_size, augment, seed, decode)

    def train_dataloader(self) -> DataLoader:
        """Mined tuples in the miner's order, which is random already; asked for anew each epoch."""
        # Not shuffled again: Lightning may start the loader twice, and a generator's second order would be another one.
        # Never persistent: such workers would go on serving the tuples of the first epoch.
        images = len(self.triplets) * (self.triplets.views - 1 + self.triplets.tuples.shape[1])
        return StartedOnce(
            self.triplets,
            self.train_batch_size,
            num_workers=self._workers(len(self.triplets), self.train_batch_size, images),
            collate_fn=batch_of if self.triplets.places is None else tuple_batch,
            pin_memory=torch.cuda.is_available(),
        )

    def val_dataloader(self) -> list[DataLoader]:
        """One loader a validation domain: database, then queries."""
        return [self.photos(domain) for domain in self.domains["val"]]

    def test_dataloader(self) -> list[DataLoader]:
        """One loader a test domain: database, then queries as the view shows them; see `Crops` and `by_shape`."""
        return [self._photos_shown(domain) for domain in self.domains[self.tested]]

    def _photos_shown(self, domain: Domain) -> DataLoader:
        left, view = self.left.get(domain.name), self.view
        crops = Crops(domain, self.image_size, view.count, view.crops, left, self.decode)
        return DataLoader(
            crops,
            self.infer_batch_size,
            num_workers=self._workers(len(crops), self.infer_batch_size),
            collate_fn=partial(by_shape, at_most=self.infer_batch_size),
            pin_memory=torch.cuda.is_available(),
        )

    def _workers(self, items: int, batch_size: int, images: int | None = None) -> int:
        """Loader processes for (items) in batches, each of one image unless there are so many images."""
        return workers_for(items if images is None else images, -(-items // batch_size), self.workers)

    def photos(self, domain: Domain, rows: np.ndarray | None = None, batch_size: int | None = None) -> DataLoader:
        """((B, 3, H, W) uint8 images, (B,) rows) of a domain, without augmentation.

        Args:
            domain: Rows count through its database and then its queries.
            rows: Rows wanted; by default all.
            batch_size: Images; by default `infer_batch_size`.
        """
        images = Images(domain.paths(), self.image_size, rows, self.decode)
        return DataLoader(
            images,
            batch_size or self.infer_batch_size,
            num_workers=self._workers(len(images), batch_size or self.infer_batch_size),
            collate_fn=photo_batch,
            pin_memory=torch.cuda.is_available(),
        )


def train_truth(domain: Domain, positive_radius: float, negative_radius: float) -> Truth:
    """Positives and forbidden negatives of the train domain.

    Raises:
        InputError: No query has a positive.
    """
    positives = domain.positives(positive_radius)
    same = same_photo(domain, positives)
    if same.any():
        log.warning("%s: %d positives are the query photo itself and are not used", domain.name, int(same.sum()))
    truth, dropped = usable(
        positives.keep(~same), domain.within(negative_radius), len(domain.database), domain.queries.notes
    )
    if dropped:
        log.warning(
            "%s: %d of %d train queries have no positive within %g m and are left out",
            domain.name,
            dropped,
            len(positives),
            positive_radius,
        )
    if len(truth) == 0:
        raise InputError(
            f"{domain.name}: no train query has a database image within radius.positive={positive_radius:g} m;"
            " there is nothing to train on"
        )
    return truth
