import numpy as np
import pytest
from brute import brute, clustered

from geoloc.index.exact import Exact
from geoloc.index.faiss_hnsw import FaissHnsw
from geoloc.index.quality import Quality, recall_against_exact, recall_of
from geoloc.predictions import Predictions

LINE = np.arange(6, dtype=np.float32)[:, None]  # database rows at 0, 1, ..., 5


def exact_in(database, queries):
    return lambda rows, k: Exact().search(database, queries[rows], k)


class Fixed:
    """Finds given rows, whatever the database holds."""

    name = "fixed"
    approximate = True

    def __init__(self, rows):
        self.rows = rows

    def search(self, database, queries, k):
        ids = np.array(self.rows)[:, :k]
        return Predictions(ids, np.abs(database[ids, 0] - queries).astype(np.float32), len(database))


def test_shares_worked_out_by_hand():
    queries = np.array([[0.1], [4.9]], np.float32)  # nearest three: 0 1 2 and 5 4 3
    quality = recall_against_exact(Fixed([[0, 1, 5], [3, 2, 1]]), LINE, queries, 3)
    assert quality == Quality(queries=2, k=3, r1=0.5, rk=pytest.approx((2 + 1) / 6))


def test_a_row_as_near_counts_as_found():
    database = np.array([[1.0], [1.0], [1.0], [5.0]], np.float32)
    quality = recall_against_exact(Fixed([[2, 1]]), database, np.zeros((1, 1), np.float32), 2)
    assert (quality.r1, quality.rk) == (1.0, 1.0)


def test_exact_search_agrees_with_itself():
    database, queries = clustered(300, 8, 50)
    assert recall_against_exact(Exact(), database, queries, 20, sample=30) == Quality(30, 20, 1.0, 1.0)
    assert recall_against_exact(Exact(), database[:4], queries, 20) == Quality(50, 4, 1.0, 1.0)


def test_equals_a_loop_over_the_sampled_queries():
    database, queries = clustered(800, 24, 60)
    index = FaissHnsw(m=2, ef_construction=4, ef_search=4)
    rows = np.sort(np.random.default_rng(7).choice(60, 25, replace=False))
    found, (truth, _) = index.search(database, queries[rows], 10), brute(database, queries[rows], 10)
    first = np.mean([a[0] == b[0] for a, b in zip(found.ids, truth, strict=True)])
    shared = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.ids.tolist(), truth.tolist(), strict=True)])
    assert shared < 0.95
    quality = recall_against_exact(index, database, queries, 10, sample=25, seed=7)
    assert quality == Quality(25, 10, pytest.approx(first), pytest.approx(shared))
    again = recall_of(index.search(database, queries, 10), exact_in(database, queries), sample=25, seed=7)
    assert again == quality


def test_the_seed_chooses_the_sample():
    queries = np.array([[0.1], [4.9]], np.float32)
    found = Predictions(np.array([[0], [0]]), np.array([[0.1], [4.9]], np.float32), 6)
    firsts = {recall_of(found, exact_in(LINE, queries), sample=1, seed=seed).r1 for seed in range(10)}
    assert firsts == {0.0, 1.0}


def test_nothing_to_compare_is_refused():
    with pytest.raises(ValueError, match="leave nothing to compare"):
        recall_against_exact(Exact(), LINE, LINE[:0], 3)
