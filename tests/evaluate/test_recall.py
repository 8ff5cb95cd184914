import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc.evaluate.recall import correct, hits_at_n, score
from geoloc.places import from_lists


def test_one_query_with_ten_positives_ranked_first_is_fully_right():
    """Field fault C9: information retrieval's recall at 1 would be 10 % here."""
    ids = np.arange(20)[None]
    hits = hits_at_n(ids, from_lists([np.arange(10)]), [1, 5])
    assert score(hits.sum(axis=0), 1, 1, [1, 5], 20, 25).recalls == {1: 100.0, 5: 100.0}


def test_queries_without_a_positive_count_as_wrong_and_are_told():
    """Field fault C1: three queries, one without any positive, the other two right."""
    positives = from_lists([np.array([3]), np.array([], int), np.array([0, 1])])
    hits = hits_at_n(np.array([[3, 0], [3, 0], [2, 1]]), positives, [1, 2])
    assert hits.tolist() == [[True, True], [False, False], [False, True]]
    scores = score(hits.sum(axis=0), 3, 2, [1, 2], 4, 25)
    assert scores.recalls[2] == pytest.approx(66.667, abs=0.001)
    assert scores.recalls_answerable == {1: 50.0, 2: 100.0}
    assert (scores.queries, scores.answerable, scores.database, scores.radius_m) == (3, 2, 4, 25)


def test_no_answerable_query_is_neither_nan_nor_zero():
    assert score([0], 5, 0, [1], 4, 25).recalls_answerable == {1: None}


def test_recall_above_the_number_of_predictions_is_that_of_all():
    hits = hits_at_n(np.array([[2, 1, 0]]), from_lists([np.array([0])]), [1, 3, 20])
    assert hits.tolist() == [[False, True, True]]


def test_interval_is_wilsons():
    # 8 of 10 right: (0.8 + z2/20 +- z sqrt(0.016 + z2/400)) / (1 + z2/10) with z = 1.95996, z2 = 3.8415
    low, high = score([8], 10, 10, [1], 4, 25).ci95[1]
    assert low == pytest.approx(49.02, abs=0.01)
    assert high == pytest.approx(94.33, abs=0.01)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 15), st.integers(1, 12))
def test_equals_a_loop_over_sets_and_never_falls(seed, queries, size):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(1, size + 1))
    ids = np.stack([rng.permutation(size)[:k] for _ in range(queries)])
    truth = [np.flatnonzero(rng.random(size) < 0.25) for _ in range(queries)]
    positives = from_lists(truth)
    marks = correct(ids, positives)
    assert marks.tolist() == [[row in set(truth[q].tolist()) for row in ids[q].tolist()] for q in range(queries)]
    ns = [1, 2, 5, 20]
    hits = hits_at_n(ids, positives, ns)
    assert hits.tolist() == [
        [bool(set(ids[q][:n].tolist()) & set(truth[q].tolist())) for n in ns] for q in range(queries)
    ]
    assert (np.diff(hits.astype(int), axis=1) >= 0).all()
