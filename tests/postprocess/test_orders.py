import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_orders import slow_disjoint, slow_overlapping

from geoloc.postprocess.orders import check, disjoint, overlapping, places

ORDERS = ("size", "size_distance", "heads", "nearest_heads")

# Groups: a = 0 3 4, b = 1 2, c = 5. A step before has changed the order, so the distances do not ascend.
LABELS = [2, 0, 0, 2, 2, 4]
DISTANCES = [0.5, 0.2, 0.1, 0.4, 0.3, 0.6]
BY_HAND = {
    "size": [0, 3, 4, 1, 2, 5],
    "size_distance": [4, 3, 0, 2, 1, 5],
    "heads": [0, 1, 5, 3, 4, 2],
    "nearest_heads": [1, 0, 5, 3, 4, 2],
}


@pytest.mark.parametrize("order", ORDERS)
def test_disjoint_groups_by_hand(order):
    assert disjoint(np.array([LABELS]), np.array([DISTANCES]), order).tolist() == [BY_HAND[order]]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        # Around 1: 0 1 2; around 0: 0 1; around 2: 1 2; around 3: 3. The heads are 2, 1, 2 and 3.
        ("size", [0, 1, 2, 3]),
        ("size_distance", [2, 1, 0, 3]),
        ("heads", [2, 1, 3, 0]),
        ("nearest_heads", [3, 2, 1, 0]),
    ],
)
def test_overlapping_groups_by_hand(order, expected):
    members = np.array([[[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 1]]], bool)
    distances = np.array([[0.9, 0.3, 0.2, 0.1]])
    assert overlapping(members, distances, order).tolist() == [expected]


def test_an_overlapping_group_of_better_rank_comes_first_among_equals():
    members = np.eye(6, dtype=bool)[None].copy()
    members[0, 4, 2] = members[0, 2, 4] = members[0, 5, 1] = members[0, 1, 5] = True
    distances = np.arange(6.0)[None]
    assert overlapping(members, distances, "size").tolist() == [[1, 5, 2, 4, 0, 3]]
    preference = np.array([[0, 5, 1, 2, 3, 4]])  # of the groups of two: around 2, 4, 5, 1
    assert overlapping(members, distances, "size", preference).tolist() == [[2, 4, 1, 5, 0, 3]]


def test_without_size_groups_come_as_they_first_appear():
    labels = np.array([[0, 1, 1, 1, 0]])
    distances = np.array([[0.1, 0.5, 0.4, 0.6, 0.0]])
    assert disjoint(labels, distances, "size_distance", by_size=False).tolist() == [[4, 0, 2, 1, 3]]
    assert disjoint(labels, distances, "size_distance").tolist() == [[2, 1, 3, 4, 0]]


@pytest.mark.parametrize("order", ORDERS)
def test_one_candidate_and_none_and_no_query(order):
    for queries, c in ((3, 1), (0, 4)):
        labels, distances = np.zeros((queries, c), np.int64), np.zeros((queries, c), np.float32)
        members = np.ones((queries, c, c), bool)
        assert disjoint(labels, distances, order).shape == (queries, c)
        assert overlapping(members, distances, order).shape == (queries, c)
        assert not disjoint(labels, distances, order).any()
    assert disjoint(np.zeros((3, 0), np.int64), np.zeros((3, 0)), order).shape == (3, 0)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("c", [2, 5, 20, 300])
def test_both_equal_plain_loops(order, c):
    """300 candidates need more than a byte; many labels and distances are equal."""
    rng = np.random.default_rng(c)
    for queries in (1, 6):
        labels = rng.integers(0, max(2, c // 2), (queries, c))
        distances = rng.integers(0, c, (queries, c)).astype(np.float32)
        members = rng.random((queries, c, c)) < 2 / c
        members |= np.eye(c, dtype=bool)
        base = rng.permuted(np.tile(np.arange(c), (queries, 1)), axis=1)
        preference = np.argsort(base, axis=1)
        plain = disjoint(labels, distances, order)
        unsized = disjoint(labels, distances, "size_distance", by_size=False)
        ranked = overlapping(members, distances, order)
        preferred = overlapping(members, distances, order, preference)
        assert plain.dtype == ranked.dtype == np.int64
        for q in range(queries):
            given_labels, given_distances, given_members = (
                labels[q].tolist(),
                distances[q].tolist(),
                members[q].tolist(),
            )
            assert plain[q].tolist() == slow_disjoint(given_labels, given_distances, order)
            assert unsized[q].tolist() == slow_disjoint(given_labels, given_distances, "size_distance", by_size=False)
            assert ranked[q].tolist() == slow_overlapping(given_members, given_distances, order)
            assert preferred[q].tolist() == slow_overlapping(given_members, given_distances, order, base[q].tolist())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 4)), min_size=1, max_size=8), st.sampled_from(ORDERS))
def test_ties_of_any_kind(rows, order):
    labels, distances = [min(label, len(rows) - 1) for label, _ in rows], [float(distance) for _, distance in rows]
    found = disjoint(np.array([labels]), np.array([distances]), order)
    assert found[0].tolist() == slow_disjoint(labels, distances, order)


def test_places_of_equal_values_follow_the_columns():
    assert places(np.array([[3.0, 1.0, 3.0, 0.0]])).tolist() == [[2, 1, 3, 0]]


def test_an_order_or_depth_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match=r"geo_x\.order: must be one of size, .*, not 'approach1'"):
        check("geo_x", "approach1", 20)
    with pytest.raises(ValueError, match=r"geo_x\.depth: must be at least 0, or null"):
        check("geo_x", "size", -1)
    check("geo_x", "heads", None)
