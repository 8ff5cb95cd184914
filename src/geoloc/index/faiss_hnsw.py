"""Approximate nearest neighbours by a walk on a graph of near descriptors.

Malkov, Yashunin, Efficient and robust approximate nearest neighbor search using hierarchical navigable small world
graphs, TPAMI 2020.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from geoloc.index.faiss_index import FaissIndex, add_all


class FaissHnsw(FaissIndex):
    """Hierarchical navigable small world graph over the descriptors.

    Memory: about 4 N (D + 2 m) bytes; a file holds the graph only, about 8 N m bytes. It is built by one thread, since
    with several the graph would depend on their order.

    Args:
        m: Links of a descriptor.
        ef_construction: Candidates held while a descriptor is linked; more is slower to build and finds more.
        ef_search: Candidates held while a query is searched; more is slower and finds more. Never fewer than k + 16.
    """

    name: ClassVar[str] = "faiss_hnsw"
    approximate: ClassVar[bool] = True

    def __init__(self, m: int = 32, ef_construction: int = 200, ef_search: int = 128) -> None:
        for key, value, least in (("m", m, 2), ("ef_construction", ef_construction, 1), ("ef_search", ef_search, 1)):
            if value < least:
                raise ValueError(f"{key} must be at least {least}, not {value}")
        self.m = m
        self.ef_construction = ef_construction
        self.ef_search = ef_search

    def settings(self) -> dict[str, int | None]:
        """What the graph depends on."""
        return {"m": self.m, "ef_construction": self.ef_construction}

    def memory(self, size: int, dim: int) -> int:
        """All descriptors once more, and about 2 m neighbours of each of 4 bytes."""
        return size * (4 * dim + 8 * self.m)

    def build(self, database: np.ndarray) -> Any:
        """The graph of (N, D) float descriptors, and a copy of them."""
        faiss = self.faiss()
        graph = faiss.IndexHNSWFlat(database.shape[1], self.m)
        graph.hnsw.efConstruction = self.ef_construction
        graph.hnsw.efSearch = self.ef_search
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)
        try:
            return add_all(graph, database)
        finally:
            faiss.omp_set_num_threads(threads)

    def pack(self, built: Any) -> np.ndarray:
        """The graph without the descriptors."""
        faiss = self.faiss()
        return np.asarray(faiss.serialize_index(built, faiss.IO_FLAG_SKIP_STORAGE))

    def unpack(self, content: np.ndarray, database: np.ndarray) -> Any:
        """The graph over a new copy of the descriptors."""
        graph = self.faiss().deserialize_index(content)
        storage = self.flat(database)
        storage.this.disown()  # the graph points to it, so the graph frees it and not Python
        graph.storage, graph.own_fields = storage, True
        graph.hnsw.efSearch = self.ef_search
        return graph
