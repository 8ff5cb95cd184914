import warnings

import numpy as np
import pytest
import torch

from geoloc.index.exact import Exact


def slow(database, queries, k):
    """Brute force in double precision."""
    distance = np.linalg.norm(queries[:, None].astype(np.float64) - database[None], axis=2)
    order = np.argsort(distance, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(distance, order, axis=1)


@pytest.fixture(scope="module")
def vectors():
    rng = np.random.default_rng(0)
    return rng.normal(size=(3000, 32)).astype(np.float32), rng.normal(size=(40, 32)).astype(np.float32)


@pytest.mark.parametrize("block", [1, 7, 1000, 10_000])
def test_equals_brute_force_whatever_the_block(vectors, block):
    database, queries = vectors
    database = database[:300] if block == 1 else database
    found = Exact(block).search(database, queries, 20)
    ids, distances = slow(database, queries, 20)
    assert np.array_equal(found.ids, ids)
    assert found.distances == pytest.approx(distances, rel=1e-5)


@pytest.mark.parametrize(("database", "queries"), [(3, 40), (1, 1), (5, 1)])
def test_k_above_the_database_gives_all_of_it(database, queries):
    """Field fault C3: 3 database images, 40 queries, 20 asked for."""
    rng = np.random.default_rng(0)
    d, q = (rng.normal(size=(n, 4)).astype(np.float32) for n in (database, queries))
    found = Exact().search(d, q, 20)
    assert found.ids.shape == (queries, database)
    assert (np.sort(found.ids, axis=1) == np.arange(database)).all()


def test_ties_come_in_order_of_the_database():
    database = np.repeat(np.eye(2, dtype=np.float32), 30, axis=0)
    found = Exact(block=7).search(database, np.array([[0.0, 1.0]], np.float32), 20)
    assert found.ids[0].tolist() == list(range(30, 50))
    assert found.distances[0].tolist() == [0] * 20


@pytest.mark.parametrize("block", [64, 8192])
def test_more_ties_than_candidates_come_in_order_too(block):
    """A database with many black frames, and one image that is nearer."""
    rng = np.random.default_rng(0)
    database = rng.normal(size=(500, 16)).astype(np.float32)
    database[[7, *range(100, 200)]] = 0.0
    database[450] = 1e-2
    found = Exact(block).search(database, np.full((2, 16), 4e-3, np.float32), 5)
    assert found.ids.tolist() == [[7, 100, 101, 102, 103]] * 2
    near = Exact(block).search(database, np.full((1, 16), 6e-3, np.float32), 5)
    assert near.ids.tolist() == [[450, 7, 100, 101, 102]]


def test_float16_memory_maps(tmp_path, vectors):
    database, queries = vectors
    stored = np.lib.format.open_memmap(tmp_path / "d.npy", "w+", np.float16, database.shape)
    stored[:] = database
    found = Exact(512).search(stored, queries, 5)
    assert np.array_equal(found.ids, slow(stored.astype(np.float32), queries, 5)[0])


def test_a_block_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        Exact(block=0)


def test_nothing_is_said_of_descriptors_in_a_file(tmp_path):
    """torch warns of memory that is read-only, once a process; as of the descriptors that task=search maps."""
    np.save(tmp_path / "vectors.npy", np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32))
    vectors = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = Exact(block=16).search(vectors[:30], vectors[30:], 5)
    finally:
        torch.set_warn_always(False)
    copied = Exact(block=16).search(np.array(vectors[:30]), np.array(vectors[30:]), 5)
    assert (found.ids.tolist(), found.distances.tolist()) == (copied.ids.tolist(), copied.distances.tolist())


class Counting(Exact):
    """Counts the rows that are read."""

    def _block(self, database, start):
        block = super()._block(database, start)
        self.read = getattr(self, "read", 0) + len(block)
        return block


def test_the_database_is_read_once(vectors):
    """Where no query has ties at its border nothing is measured one by one."""
    index = Counting(1000)
    index.search(*vectors, 20)
    assert index.read == 3000


def test_blocks_of_long_descriptors_have_fewer_rows(monkeypatch):
    monkeypatch.setattr("geoloc.index.exact.AT_ONCE", 4 * 16 * 10)
    rng = np.random.default_rng(0)
    database, queries = rng.normal(size=(95, 16)).astype(np.float32), rng.normal(size=(4, 16)).astype(np.float32)
    index = Counting()
    assert index.memory(95, 16) == 4 * (2 * 10 * 16 + 1024 * 16 + 1024 * 10)
    assert np.array_equal(index.search(database, queries, 5).ids, slow(database, queries, 5)[0])
    assert index._block(database, 0).shape == (10, 16)
