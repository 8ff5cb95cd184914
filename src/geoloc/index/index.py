"""What every index is: settings that search a database at once, or fit it first, so that it can be kept in a file."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from geoloc.predictions import Predictions


class Fitted(Protocol):
    """An index together with the database that it searches.

    It refers to the descriptors that it was made of, since candidates are measured on them: their file must stay.
    """

    def search(self, queries: np.ndarray, k: int) -> Predictions:
        """The nearest min(k, N) database rows of each query.

        Args:
            queries: (Q, D) float descriptors.
            k: Neighbours wanted.
        """
        ...

    def save(self, path: Path, model: str) -> None:
        """Write it to one file, whole or not at all.

        Args:
            path: A file; replaced if it exists.
            model: Hash of the network that made the descriptors.
        """
        ...


class Index(Protocol):
    """A way of searching. Every query gets exactly min(k, N) rows, with true L2 distances in ascending order.

    Attributes:
        name: Of its yaml.
        approximate: Rows that are nearer may be missing.
    """

    name: ClassVar[str]
    approximate: ClassVar[bool]

    def search(self, database: np.ndarray, queries: np.ndarray, k: int) -> Predictions:
        """The same as `fit(database).search(queries, k)`.

        Args:
            database: (N, D) float descriptors, float32 or float16, may be memory-mapped.
            queries: (Q, D) float descriptors.
            k: Neighbours wanted.
        """
        ...

    def fit(self, database: np.ndarray) -> Fitted:
        """Build the index of (N, D) float descriptors."""
        ...

    def load(self, path: Path, model: str, database: np.ndarray) -> Fitted:
        """What `Fitted.save` has written.

        Args:
            path: The file.
            model: Hash of the network that made the descriptors.
            database: (N, D) float descriptors that the index was built of.

        Raises:
            InputError: There is no such file, it cannot be read, or it was built from another model, by another index,
                with other settings or of other descriptors.
        """
        ...
