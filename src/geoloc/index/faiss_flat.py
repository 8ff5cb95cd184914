"""Exact nearest neighbours by faiss: the same answer as `exact`, from a float32 copy of the database in memory."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from geoloc.index.faiss_index import FaissIndex


class FaissFlat(FaissIndex):
    """L2 search over all database descriptors by faiss; ties in order of the database.

    Memory: 4 N D bytes. A file holds no descriptors: they are copied again when it is loaded.
    """

    name: ClassVar[str] = "faiss_flat"
    approximate: ClassVar[bool] = False

    def build(self, database: np.ndarray) -> Any:
        """All descriptors."""
        return self.flat(database)

    def pack(self, built: Any) -> np.ndarray:
        """Nothing: the descriptors are the index."""
        return np.empty(0, np.uint8)
