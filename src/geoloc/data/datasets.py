"""torch datasets: one photo, the crops of one photo, or one training tuple (a query, its positive, its negatives)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from geoloc.data.augment.tuples import ROLES, Augment
from geoloc.data.batches import stacked
from geoloc.data.domains import Domain
from geoloc.data.images import Decode, enough_for, read_pixels, resize


class Images(Dataset):
    """Photos at one size, each with its row number.

    Args:
        paths: (N,) files; row i of every later array belongs to `paths[i]`.
        size: (height, width) in pixels.
        rows: Rows to serve, in this order; by default all.
        decode: How much of a JPEG is decoded.
    """

    def __init__(
        self, paths: Sequence[Path], size: tuple[int, int], rows: np.ndarray | None = None, decode: Decode = "full"
    ) -> None:
        # An array of str instead of a list of objects: workers then share it without copying (reference counts).
        self.paths = np.array([str(path) for path in paths])
        self.size = size
        self.rows = np.arange(len(self.paths)) if rows is None else rows
        self.enough = enough_for(size, decode)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """((3, H, W) uint8 image, row)."""
        row = int(self.rows[index])
        return resize(read_pixels(self.paths[row], self.enough), self.size), row


class Crops(Dataset):
    """Photos of a test domain: its database at one size, its queries in crops.

    A row is one of the domain's descriptors: the N database images come first, and crop v of query q, of V crops
    each, has row N + q * V + v.

    Args:
        domain: The domain.
        size: (height, width) in pixels.
        count: V.
        crops: ((3, H, W) uint8 photo, size) -> (V, 3, h, w) uint8; shapes may differ from photo to photo.
        photos: Those to serve, in this order, counted through the database and then the queries; None: all.
        decode: How much of a JPEG is decoded. No view wants more than `size` of an image.
    """

    def __init__(
        self,
        domain: Domain,
        size: tuple[int, int],
        count: int,
        crops: Callable[[torch.Tensor, tuple[int, int]], torch.Tensor],
        photos: np.ndarray | None = None,
        decode: Decode = "full",
    ) -> None:
        self.paths = np.array([str(path) for path in domain.paths()])
        self.database_size = len(domain.database)
        self.size = size
        self.count = count
        self.crops = crops
        self.photos = np.arange(len(self.paths)) if photos is None else photos
        self.enough = enough_for(size, decode)

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """((n, 3, h, w) uint8 crops, (n,) int64 rows) of a photo; n is 1 for an image of the database."""
        number = int(self.photos[index])
        photo = read_pixels(self.paths[number], self.enough)
        query = number - self.database_size
        if query < 0:
            return resize(photo, self.size)[None], torch.tensor([number])
        first = self.database_size + query * self.count
        return self.crops(photo, self.size), torch.arange(first, first + self.count)


class Triplets(Dataset):
    """Training tuples of the mined selection.

    The selection is replaced by `select` before the epoch's loader is built, so that its workers receive it.

    Raises:
        InputError: The augmentation lacks something, such as night twins.

    Args:
        domain: The train domain.
        size: (height, width) in pixels.
        augment: Reads and augments a tuple; None for no augmentation.
        seed: With (epoch, query) it fixes every random draw of the augmentation, whatever the number of workers.
        decode: How much of a JPEG is decoded.

    Attributes:
        views: Views of the query in each tuple.
        untouched: Which images of a tuple ("query", "positive", "negative") are never augmented.
        places: (N,) int64, where the maps of each image (database, then queries) are stored, -1: nowhere; None if
            nothing is done with such maps. Of an image that is untouched and has a place only that is served.
    """

    def __init__(
        self, domain: Domain, size: tuple[int, int], augment: Augment | None, seed: int, decode: Decode = "full"
    ) -> None:
        self.database = np.array([str(domain.database.path(row)) for row in range(len(domain.database))])
        self.queries = np.array([str(domain.queries.path(row)) for row in range(len(domain.queries))])
        if augment is not None:
            augment.check(self.queries.tolist())
        self.size = size
        self.augment = augment
        self.views = 1 if augment is None else augment.views
        self.untouched = frozenset(ROLES) if augment is None else augment.untouched
        self.places: np.ndarray | None = None
        self.seed = seed
        self.enough = enough_for(size, decode)
        self.epoch = 0
        self.tuples = np.empty((0, 3), np.int64)

    def select(self, tuples: np.ndarray, epoch: int) -> None:
        """Take the tuples of an epoch.

        Args:
            tuples: (T, 2 + n) int64: query row, positive's database row, n negatives' database rows.
            epoch: Number of the epoch that they are for.
        """
        self.tuples = tuples
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.tuples)

    def __getitem__(self, index: int) -> torch.Tensor | tuple[torch.Tensor, list[int]]:
        """(views + 1 + n, 3, H, W) uint8: views of the query, positive, negatives.

        Where `places` are given: those of these images that have none, and the places of all of them.
        """
        query, *others = self.tuples[index].tolist()
        paths = [self.queries[query], *self.database[others]]
        if self.places is None:
            return self._read(query, paths)
        rows = [len(self.database) + query, *others]
        roles = ["query", "positive", *["negative"] * (len(others) - 1)]
        places = [
            int(self.places[row]) if role in self.untouched else -1 for row, role in zip(rows, roles, strict=True)
        ]
        if self.augment is not None:
            places[0] = -1  # it is read for the draws on it, or as a view
        left = [path if place < 0 else None for path, place in zip(paths, places, strict=True)]
        return self._read(query, left), [*[places[0]] * self.views, *places[1:]]

    def _read(self, query: int, paths: Sequence[str | None]) -> torch.Tensor:
        """Images of a tuple, without those whose path is None."""
        if self.augment is not None:
            return self.augment(paths, self.size, (self.seed, self.epoch, query), self.enough)
        images = [resize(read_pixels(path, self.enough), self.size) for path in paths if path is not None]
        return stacked(images) if images else torch.empty(0, 3, *self.size, dtype=torch.uint8)
