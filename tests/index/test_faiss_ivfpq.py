import logging

import numpy as np
import pytest
from brute import brute, check_distances, clustered

from geoloc.index.exact import Exact
from geoloc.index.faiss_ivfpq import FaissIvfpq


@pytest.fixture(scope="module")
def vectors():
    return clustered(1500, 32, 30)


def share(index, database, queries, k=10):
    found = index.search(database, queries, k)
    check_distances(found, database, queries)
    truth = Exact().search(database, queries, k).ids
    return sum(len(set(a) & set(b)) for a, b in zip(found.ids.tolist(), truth.tolist(), strict=True)) / truth.size


def test_finds_nearly_all(vectors):
    assert share(FaissIvfpq(bytes=8), *vectors) > 0.95


def test_every_setting_counts():
    rng = np.random.default_rng(0)
    vectors = [rng.normal(size=(size, 32)).astype(np.float32) for size in (1500, 30)]
    good = share(FaissIvfpq(lists=30, probes=30, bytes=8, rerank=200), *vectors)
    assert good > 0.99
    assert share(FaissIvfpq(lists=30, probes=2, bytes=8, rerank=200), *vectors) < good - 0.05
    assert share(FaissIvfpq(lists=30, probes=30, bytes=1, rerank=1), *vectors) < 0.9
    assert share(FaissIvfpq(lists=30, probes=30, bytes=1, rerank=1500), *vectors) == 1


def test_tiny_lists_are_completed_by_exact_search(vectors, caplog):
    """One list of some 40 rows holds no 60 neighbours."""
    database, queries = vectors
    fitted = FaissIvfpq(lists=38, probes=1, bytes=8).fit(database)
    counts = [len(queries), 0]
    for query in queries:
        _, lists = fitted.built.quantizer.search(query[None], 1)
        counts[1] += fitted.built.invlists.list_size(int(lists[0, 0])) < 60
    assert 0 < counts[1] < 30  # some lists suffice, others do not
    with caplog.at_level(logging.WARNING):
        found = fitted.search(queries, 60)
    assert fitted.completed == counts[1]
    assert f"faiss_ivfpq found fewer than 60 rows for {counts[1]} of 30 queries" in caplog.text
    check_distances(found, database, queries)
    truth, _ = brute(database, queries, 60)
    assert (found.ids == truth).all(axis=1).sum() >= counts[1]


def test_a_database_without_codes_is_searched_exactly(caplog):
    database, queries = clustered(255, 16, 5)
    with caplog.at_level(logging.WARNING):
        found = FaissIvfpq().search(database, queries, 10)
    assert np.array_equal(found.ids, brute(database, queries, 10)[0])
    assert caplog.messages == ["faiss_ivfpq needs 256 database images; these 255 are searched exactly"]


def test_the_smallest_database_with_codes(caplog):
    database, queries = clustered(256, 16, 5)
    fitted = FaissIvfpq(bytes=4).fit(database)
    assert fitted.built.nlist == 6  # 256 / 39
    assert fitted.built.nprobe == 6
    check_distances(fitted.search(queries, 10), database, queries)
    assert not caplog.records


@pytest.mark.parametrize(("size", "lists"), [(256, 6), (1500, 38), (75_000, 1095), (1_000_000, 4000)])
def test_lists_follow_the_size(size, lists):
    assert FaissIvfpq()._lists(size) == lists


def test_too_many_lists_are_fewer_and_that_is_said(vectors, caplog):
    with caplog.at_level(logging.WARNING):
        fitted = FaissIvfpq(lists=500, bytes=8).fit(vectors[0])
    assert fitted.built.nlist == 38
    assert caplog.messages == ["faiss_ivfpq: 1500 rows suffice for 38 lists, not 500"]


@pytest.mark.parametrize(
    ("dim", "wanted", "used"), [(100, 64, 50), (32, 64, 32), (7, 3, 1), (12, 5, 4), (4096, 64, 64)]
)
def test_bytes_that_do_not_divide_are_fewer_and_that_is_said(dim, wanted, used, caplog):
    with caplog.at_level(logging.WARNING):
        assert FaissIvfpq(bytes=wanted)._bytes(dim) == used
    said = f"faiss_ivfpq: {wanted} bytes do not divide {dim} values; {used} are used"
    assert caplog.messages == ([] if wanted == used else [said])


@pytest.mark.parametrize("key", ["lists", "probes", "bytes", "rerank"])
def test_settings_out_of_range_are_refused(key):
    with pytest.raises(ValueError, match=f"{key} must be at least 1, not 0"):
        FaissIvfpq(**{key: 0})
