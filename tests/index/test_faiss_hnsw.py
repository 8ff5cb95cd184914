import logging
from contextlib import nullcontext

import numpy as np
import pytest
from brute import brute, check_distances, clustered

from geoloc.index import faiss_hnsw
from geoloc.index.exact import Exact
from geoloc.index.faiss_hnsw import FaissHnsw
from geoloc.index.faiss_index import add_all


@pytest.fixture(scope="module")
def vectors():
    return clustered(1500, 32, 30)


def test_finds_nearly_all(vectors):
    database, queries = vectors
    found = FaissHnsw().search(database, queries, 10)
    check_distances(found, database, queries)
    truth, _ = brute(database, queries, 10)
    shared = [len(set(a) & set(b)) for a, b in zip(found.ids.tolist(), truth.tolist(), strict=True)]
    assert sum(shared) / truth.size > 0.97
    assert (found.ids[:, 0] == truth[:, 0]).mean() > 0.96


def test_a_poor_graph_finds_less(vectors):
    """Or the settings would not reach faiss."""
    database, queries = vectors
    truth = Exact().search(database, queries, 10).ids

    def share(index):
        found = index.search(database, queries, 10).ids
        return sum(len(set(a) & set(b)) for a, b in zip(found.tolist(), truth.tolist(), strict=True)) / truth.size

    good = share(FaissHnsw())
    assert share(FaissHnsw(m=2)) < good - 0.1
    assert share(FaissHnsw(ef_construction=1)) < good
    assert share(FaissHnsw(m=4, ef_construction=8, ef_search=1)) < share(FaissHnsw(m=4, ef_construction=8)) - 0.01


@pytest.mark.parametrize("fails", [False, True])
def test_one_thread_builds_the_graph_and_the_others_come_back(fails, vectors, monkeypatch):
    import faiss

    seen = []

    def add(graph, database):
        seen.append(faiss.omp_get_max_threads())
        if fails:
            raise MemoryError
        return add_all(graph, database)

    monkeypatch.setattr(faiss_hnsw, "add_all", add)
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(3)
    try:
        with pytest.raises(MemoryError) if fails else nullcontext():
            FaissHnsw(m=4, ef_construction=4).fit(vectors[0])
        assert seen == [1]
        assert faiss.omp_get_max_threads() == 3
    finally:
        faiss.omp_set_num_threads(threads)


def test_the_loaded_graph_owns_its_descriptors(tmp_path, vectors):
    database, queries = vectors
    index = FaissHnsw(m=8, ef_construction=40)
    index.fit(database).save(tmp_path / "a", "abc")
    built = index.load(tmp_path / "a", "abc", database).built
    junk = [np.full_like(database, 7.7) for _ in range(20)]  # overwrites the descriptors if they were freed
    squared, ids = built.search(queries, 1)
    assert built.own_fields
    assert squared[:, 0] == pytest.approx(np.square(database[ids[:, 0]] - queries).sum(axis=1), rel=1e-4)
    del junk


class Poor:
    """Proposes the first candidates of some queries only, as faiss does where a walk ends early."""

    def __init__(self, built, found):
        self.built = built
        self.found = found

    def search(self, queries, count):
        squared, ids = self.built.search(queries, count)
        hidden = np.arange(count) >= self.found[: len(queries), None]
        return np.where(hidden, np.float32(3.4e38), squared), np.where(hidden, -1, ids)


def test_queries_with_too_few_rows_are_completed_by_exact_search(vectors, caplog):
    database, queries = vectors
    fitted = FaissHnsw().fit(database)
    plain = fitted.search(queries, 10)
    assert fitted.completed == 0
    found = np.full(30, 10)
    found[[2, 5, 29]] = [0, 9, 1]
    fitted.built = Poor(fitted.built, found)
    with caplog.at_level(logging.WARNING):
        completed = fitted.search(queries, 10)
    assert fitted.completed == 3
    assert [record.getMessage() for record in caplog.records] == [
        "faiss_hnsw found fewer than 10 rows for 3 of 30 queries; those were searched exactly"
    ]
    truth, _ = brute(database, queries[[2, 5, 29]], 10)
    assert np.array_equal(completed.ids[[2, 5, 29]], truth)
    others = np.setdiff1d(np.arange(30), [2, 5, 29])
    assert np.array_equal(completed.ids[others], plain.ids[others])
    check_distances(completed, database, queries)


def test_many_equal_descriptors_leave_no_gap():
    database = np.zeros((400, 8), np.float32)
    database[200:] = np.eye(8, dtype=np.float32)[np.arange(200) % 8]
    found = FaissHnsw(m=4, ef_construction=10, ef_search=4).search(database, database[[0, 200, 201]], 60)
    check_distances(found, database, database[[0, 200, 201]])


@pytest.mark.parametrize(("key", "value", "least"), [("m", 1, 2), ("ef_construction", 0, 1), ("ef_search", 0, 1)])
def test_settings_out_of_range_are_refused(key, value, least):
    with pytest.raises(ValueError, match=f"{key} must be at least {least}, not {value}"):
        FaissHnsw(**{key: value})
