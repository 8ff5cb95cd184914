"""Approximate nearest neighbours in lists of compressed descriptors: for databases that do not fit into memory.

Jegou, Douze, Schmid, Product quantization for nearest neighbor search, TPAMI 2011.
"""

from __future__ import annotations

import logging
import math
from typing import Any, ClassVar

import numpy as np

from geoloc.index.faiss_index import BLOCK, FaissIndex, add_all
from geoloc.index.ranking import SPARE

log = logging.getLogger(__name__)

CODES = 256  # values of one byte of a code
POINTS = 39  # train descriptors for a cluster; fewer make poor clusters
LARGEST_TABLE = 2**31  # bytes; faiss computes distances instead of keeping a larger one
SEED = 0


class FaissIvfpq(FaissIndex):
    """Inverted lists of product-quantised descriptors; the best candidates are measured on the descriptors themselves.

    Memory: about N (bytes + 8) bytes, and 4 D + 1024 bytes a list for each byte; more while it is built, see `memory`.
    The descriptors may stay in a memory-mapped file. A database with fewer than 256 rows, too few for a code of one
    byte, is searched exactly, and that is logged.

    Args:
        lists: Into which the database is clustered. None: about 4 sqrt(N). Never more than N / 39.
        probes: Lists that a query looks into; more is slower and finds more.
        bytes: Length of the code of a descriptor. If it does not divide D, the next smaller number that does is used,
            and that is logged.
        rerank: Candidates that are measured again; never fewer than k and a few. 10 k is a good choice.
    """

    name: ClassVar[str] = "faiss_ivfpq"
    approximate: ClassVar[bool] = True

    def __init__(self, lists: int | None = None, probes: int = 16, bytes: int = 64, rerank: int = 200) -> None:
        for key, value in (("lists", lists), ("probes", probes), ("bytes", bytes), ("rerank", rerank)):
            if value is not None and value < 1:
                raise ValueError(f"{key} must be at least 1, not {value}")
        self.lists = lists
        self.probes = probes
        self.bytes = bytes
        self.rerank = rerank

    def settings(self) -> dict[str, int | None]:
        """What the lists and codes depend on."""
        return {"lists": self.lists, "bytes": self.bytes}

    def depth(self, k: int) -> int:
        """Candidates of a query that are measured."""
        return max(self.rerank, k + SPARE)

    def memory(self, size: int, dim: int) -> int:
        """What searching keeps, and beside it what building needs at its peak.

        Kept: codes with the number of each row, centres of lists and codes, and a table of distances between these,
        which faiss leaves out above 2 GiB. At the peak: the sample that lists are learned from and what is left of it
        for the codes, or a block of rows that is added and what is left of that.
        """
        lists = max(1, min(self.lists or round(4 * math.sqrt(size)), size // POINTS))
        sample = min(size, POINTS * max(lists, CODES))
        learned = min(sample, CODES * CODES)  # of a larger sample faiss copies so many rows for the codes
        most = max(sample + learned * (2 if sample > learned else 1), 2 * min(size, BLOCK))
        table = 4 * lists * self.bytes * CODES
        kept = size * (self.bytes + 8) + 4 * dim * (lists + CODES) + (table if table <= LARGEST_TABLE else 0)
        return kept + 4 * dim * most

    def build(self, database: np.ndarray) -> Any:
        """Lists and codes of (N, D) float descriptors, learned from a random sample of them."""
        size, dim = database.shape
        if size < CODES:
            log.warning("%s needs %d database images; these %d are searched exactly", self.name, CODES, size)
            return None
        faiss = self.faiss()
        lists = self._lists(size)
        built = faiss.IndexIVFPQ(faiss.IndexFlatL2(dim), dim, lists, self._bytes(dim), 8)
        for clustering in (built.cp, built.pq.cp):
            clustering.seed = SEED
            clustering.min_points_per_centroid = 1  # or faiss writes to stderr; `_lists` sees to it
        wanted = min(size, POINTS * max(lists, CODES))
        rows = np.sort(np.random.default_rng(SEED).choice(size, wanted, replace=False))
        built.train(np.ascontiguousarray(database[rows], np.float32))
        return self._tuned(add_all(built, database))

    def unpack(self, content: np.ndarray, database: np.ndarray) -> Any:
        """Lists and codes."""
        return self._tuned(super().unpack(content, database))

    def _tuned(self, built: Any) -> Any:
        built.nprobe = min(self.probes, built.nlist)
        return built

    def _lists(self, size: int) -> int:
        most = size // POINTS
        if self.lists is None:
            return min(round(4 * math.sqrt(size)), most)
        if self.lists > most:
            log.warning("%s: %d rows suffice for %d lists, not %d", self.name, size, most, self.lists)
        return min(self.lists, most)

    def _bytes(self, dim: int) -> int:
        fitting = max(number for number in range(1, self.bytes + 1) if dim % number == 0)
        if fitting != self.bytes:
            log.warning("%s: %d bytes do not divide %d values; %d are used", self.name, self.bytes, dim, fitting)
        return fitting
