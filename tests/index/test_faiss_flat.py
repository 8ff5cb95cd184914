import numpy as np
import pytest
from brute import brute

from geoloc.errors import InputError
from geoloc.index.exact import Exact
from geoloc.index.faiss_flat import FaissFlat


def test_equals_brute_force_on_random_descriptors():
    """Whole numbers, so that no distance is rounded before its square root."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        database, queries = (rng.integers(-50, 50, size=(n, 24)).astype(np.float32) for n in (400, 30))
        ids, distances = brute(database, queries, 20)
        found = FaissFlat().search(database, queries, 20)
        assert np.array_equal(found.ids, ids)
        assert found.distances == pytest.approx(distances, rel=1e-5)


def test_ties_come_in_order_of_the_database():
    """Thirty copies of each of two rows: more than the spare candidates, so the border runs through equal ones."""
    database = np.repeat(np.eye(2, dtype=np.float32), 30, axis=0)
    queries = np.array([[0.0, 1.0], [1.0, 0.0], [0.6, 0.8]], np.float32)
    found = FaissFlat().search(database, queries, 5)
    assert found.ids.tolist() == [[30, 31, 32, 33, 34], [0, 1, 2, 3, 4], [30, 31, 32, 33, 34]]
    assert found.distances[0].tolist() == [0] * 5


def test_random_ties_equal_brute_force():
    """Small whole numbers: distances are exact, and most are shared by many rows."""
    rng = np.random.default_rng(1)
    database, queries = (rng.integers(0, 3, size=(n, 3)).astype(np.float32) for n in (300, 25))
    for k in (1, 7, 20, 300, 999):
        found = FaissFlat().search(database, queries, k)
        assert np.array_equal(found.ids, brute(database, queries, k)[0])


def test_near_ties_among_long_descriptors_are_measured(monkeypatch):
    """Products of matrices lose the few thousandths by which these rows differ; faiss may compute by them."""
    import faiss

    monkeypatch.setattr(faiss.cvar, "distance_compute_blas_threshold", 1)
    rng = np.random.default_rng(0)
    order = rng.permutation(400)
    database = np.full((400, 100), rng.uniform(100, 200, size=100), np.float32)
    database[:, 0] = 100
    database[order, 0] += np.arange(400) / 128
    fitted = FaissFlat().fit(database)
    queries = np.repeat(database[order[:1]], 30, axis=0)
    assert (fitted.built.search(queries, 5)[1] != order[:5]).any()
    found = fitted.search(queries, 5)
    assert (found.ids == order[:5]).all()
    assert found.distances[0].tolist() == [0, 1 / 128, 2 / 128, 3 / 128, 4 / 128]


def test_ties_are_no_completed_queries(caplog):
    database = np.repeat(np.eye(2, dtype=np.float32), 30, axis=0)
    fitted = FaissFlat().fit(database)
    fitted.search(database[:4], 5)
    assert fitted.completed == 0
    assert not caplog.records


def test_more_queries_than_a_block_equal_exact_search():
    rng = np.random.default_rng(2)
    database, queries = (rng.normal(size=(n, 8)).astype(np.float32) for n in (9000, 1100))
    assert np.array_equal(FaissFlat().search(database, queries, 3).ids, Exact().search(database, queries, 3).ids)


def test_no_faiss_is_said(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    with pytest.raises(InputError, match="index=faiss_flat: needs faiss; pip install faiss-cpu, or index=exact"):
        FaissFlat().fit(np.eye(2, dtype=np.float32))
