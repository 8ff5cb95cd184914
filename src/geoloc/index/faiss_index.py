"""What the faiss indexes share: faiss proposes candidates, and they are measured on the descriptors themselves.

Johnson, Douze, Jegou, Billion-scale similarity search with GPUs, IEEE Transactions on Big Data 2019.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch  # noqa: F401  before faiss, or two OpenMP libraries may meet

from geoloc.errors import InputError
from geoloc.index import files
from geoloc.index.measured import Measured
from geoloc.index.ranking import SPARE
from geoloc.mapped import forget
from geoloc.predictions import Predictions

BLOCK = 8192  # database rows handed to faiss at once


class FaissIndex(ABC):
    """Settings of a faiss index. A subclass says what is built, and what of it goes into a file.

    Attributes:
        name: Of its yaml.
        approximate: Rows that are nearer may be missing.
    """

    name: ClassVar[str]
    approximate: ClassVar[bool]

    @abstractmethod
    def build(self, database: np.ndarray) -> Any:
        """The faiss index of (N, D) float descriptors; None if there are so few that all are measured."""

    def settings(self) -> dict[str, int | None]:
        """Settings that the building depends on. Those of the search may change between save and load."""
        return {}

    def depth(self, k: int) -> int:
        """Candidates of a query that are measured."""
        return k + SPARE

    def pack(self, built: Any) -> np.ndarray:
        """(n,) uint8, what a file keeps."""
        return np.asarray(self.faiss().serialize_index(built))

    def unpack(self, content: np.ndarray, database: np.ndarray) -> Any:
        """The reverse of `pack`."""
        return self.faiss().deserialize_index(content)

    def memory(self, size: int, dim: int) -> int:
        """Bytes that the index of N descriptors of D values takes: here, all of them once more."""
        return 4 * size * dim

    def fit(self, database: np.ndarray) -> FittedFaiss:
        """Build the index of (N, D) float descriptors; see `Index.fit`."""
        return FittedFaiss(self, database, self.build(database) if len(database) else None)

    def load(self, path: Path, model: str, database: np.ndarray) -> FittedFaiss:
        """See `Index.load`."""
        content = files.read(path, files.stamp(self.name, self.settings(), model, database))
        if not len(content):
            return self.fit(database)
        try:
            return FittedFaiss(self, database, self.unpack(content, database))
        except RuntimeError:
            raise InputError(f"{path}: this version of faiss cannot read it; delete it to build it anew") from None

    def search(self, database: np.ndarray, queries: np.ndarray, k: int) -> Predictions:
        """See `Index.search`."""
        return self.fit(database).search(queries, k)

    def check_installed(self) -> None:
        """Refuse to start without faiss with an InputError."""
        self.faiss()

    def faiss(self) -> Any:
        """The faiss module.

        Raises:
            InputError: It is not installed.
        """
        try:
            import faiss
        except ImportError:
            raise InputError(f"index={self.name}: needs faiss; pip install faiss-cpu, or index=exact") from None
        return faiss

    def flat(self, database: np.ndarray) -> Any:
        """A faiss index that holds all of (N, D) float descriptors as float32."""
        return add_all(self.faiss().IndexFlatL2(database.shape[1]), database)


class FittedFaiss(Measured):
    """See `Measured`; the engine is a faiss index."""

    index: FaissIndex

    def save(self, path: Path, model: str) -> None:
        """See `Fitted.save`."""
        content = np.empty(0, np.uint8) if self.built is None else self.index.pack(self.built)
        files.write(path, files.stamp(self.index.name, self.index.settings(), model, self.database), content)


def add_all(built: Any, database: np.ndarray) -> Any:
    """The faiss index with all of (N, D) float descriptors added."""
    for start in range(0, len(database), BLOCK):
        built.add(np.ascontiguousarray(database[start : start + BLOCK], np.float32))
        forget(database)
    return built
