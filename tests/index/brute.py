"""Slow references and data for the tests of indexes."""

import tempfile
from importlib.util import find_spec

import numpy as np

from geoloc.index.exact import Exact
from geoloc.index.faiss_flat import FaissFlat
from geoloc.index.faiss_hnsw import FaissHnsw
from geoloc.index.faiss_ivfpq import FaissIvfpq
from geoloc.index.milvus import Milvus

INDEXES = {
    "exact": Exact,
    "faiss_flat": FaissFlat,
    "faiss_hnsw": lambda: FaissHnsw(m=8, ef_construction=40, ef_search=32),
    "faiss_ivfpq": lambda: FaissIvfpq(lists=8, probes=4, bytes=4, rerank=60),
}
MILVUS = find_spec("pymilvus") is not None and find_spec("milvus_lite") is not None
FOLDER = tempfile.TemporaryDirectory()
if MILVUS:
    INDEXES["milvus"] = lambda: Milvus(f"{FOLDER.name}/milvus.db", build={"M": 8, "efConstruction": 40}, rerank=60)


def brute(database, queries, k):
    """One query and one row at a time, in float64, ties in order of the database."""
    ids, distances = [], []
    for query in queries.astype(np.float64):
        measured = [
            (float(np.sqrt(((row - query) ** 2).sum())), i) for i, row in enumerate(database.astype(np.float64))
        ]
        nearest = sorted(measured)[:k]
        ids.append([i for _, i in nearest])
        distances.append([d for d, _ in nearest])
    return np.array(ids), np.array(distances)


def clustered(size, dim, queries, seed=0, clusters=40):
    """(size, dim) and (queries, dim) float32 of unit length around common centres."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(clusters, dim))
    both = centres[rng.integers(clusters, size=size + queries)] + 0.6 * rng.normal(size=(size + queries, dim))
    both = (both / np.linalg.norm(both, axis=1, keepdims=True)).astype(np.float32)
    return both[:size], both[size:]


def check_distances(found, database, queries):
    """Each distance is that of the row beside it, in ascending order, and no row comes twice."""
    for query, ids, distances in zip(queries, found.ids, found.distances, strict=True):
        assert len(set(ids.tolist())) == len(ids)
        assert ids.min() >= 0
        for row, distance in zip(ids, distances, strict=True):
            vector = database[row].astype(np.float64)
            assert abs(distance - np.linalg.norm(vector - query.astype(np.float64))) < 1e-5
        assert (np.diff(distances) >= 0).all()
        ties = np.flatnonzero(np.diff(distances) == 0)
        assert (ids[ties] < ids[ties + 1]).all()
