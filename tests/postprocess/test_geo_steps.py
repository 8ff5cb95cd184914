"""What holds for each of the three geographic steps."""

import numpy as np
import pytest
from streets import ORDERS, evidence, ordered, random_case

from geoloc.postprocess.chain import apply, apply_all
from geoloc.postprocess.geo_agglomerative import GeoAgglomerative
from geoloc.postprocess.geo_dbscan import GeoDBSCAN
from geoloc.postprocess.geo_neighbours import GeoNeighbours
from geoloc.predictions import Predictions

STEPS = (GeoDBSCAN, GeoAgglomerative, GeoNeighbours)
every_order = pytest.mark.parametrize("order", ORDERS)
every_step = pytest.mark.parametrize("make", STEPS)


@every_order
@every_step
@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize("depth", [1, 7, 20, None])
def test_the_list_stays_a_permutation_and_its_distances_and_tail_stay(make, order, compat, depth):
    before, given = random_case(1, c=30)
    after = apply(make(order=order, compat=compat, depth=depth), before, given)
    assert np.array_equal(np.sort(after.ids, axis=1), np.sort(before.ids, axis=1))
    for q in range(len(before)):
        distance_of = dict(zip(before.ids[q].tolist(), before.distances[q].tolist(), strict=True))
        assert [distance_of[row] for row in after.ids[q].tolist()] == after.distances[q].tolist()
    assert np.array_equal(after.ids[:, depth or 30 :], before.ids[:, depth or 30 :])
    assert np.array_equal(after.distances[:, depth or 30 :], before.distances[:, depth or 30 :])
    if depth != 1:
        assert not np.array_equal(after.ids, before.ids)


@every_step
@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize("grid", [False, True])
def test_nearest_heads_never_change_who_is_first_of_a_list_that_ascends(make, compat, grid):
    before, given = random_case(2, grid=grid)
    before = Predictions(before.ids, np.sort(before.distances, axis=1), before.database_size)
    nearest = apply(make(order="nearest_heads", compat=compat), before, given)
    assert np.array_equal(nearest.ids[:, 0], before.ids[:, 0])
    by_size = apply(make(order="size", compat=compat), before, given)
    assert not np.array_equal(by_size.ids[:, 0], before.ids[:, 0])


@every_order
@every_step
def test_five_isolated_candidates_keep_their_order(make, order):
    """Bug 51: they came back as 33 900 5 1000 17."""
    xy = np.zeros((1001, 2))
    xy[:, 0] = 100.0 * np.arange(1001)
    before = Predictions(np.array([[900, 17, 33, 5, 1000]]), np.array([[0.1, 0.2, 0.3, 0.4, 0.5]], np.float32), 1001)
    after = apply(make(order=order), before, evidence(xy))
    assert after.ids.tolist() == before.ids.tolist()


@every_order
@every_step
def test_a_cluster_of_three_beats_scattered_candidates(make, order):
    """Rows 0 2 4 5 6 7 are far from all; 1 3 8 are one place. In the last order the first candidate stays."""
    xy = [(100 * i, 0) for i in range(9)]
    xy[3], xy[8] = (103, 0), (101, 2)
    expected = {
        "size": [1, 3, 8, 0, 2, 4, 5, 6, 7],
        "size_distance": [1, 3, 8, 0, 2, 4, 5, 6, 7],
        "heads": [1, 0, 2, 4, 5, 6, 7, 3, 8],
        "nearest_heads": [0, 1, 2, 4, 5, 6, 7, 3, 8],
    }
    step = make(order=order) if make is not GeoAgglomerative else make(n_clusters=7, order=order)
    assert ordered(step, xy) == expected[order]


@every_order
@every_step
def test_identical_positions_keep_the_order(make, order):
    step = make(order=order) if make is not GeoAgglomerative else make(n_clusters=1, order=order)
    assert ordered(step, [(5, 5)] * 6) == list(range(6))


@every_order
@every_step
@pytest.mark.parametrize("compat", [False, True])
def test_one_candidate_no_candidate_no_query(make, order, compat):
    step = make(order=order, compat=compat)
    assert ordered(step, [(1, 2)]) == [0]
    for queries, c in ((3, 0), (0, 4)):
        found = step(np.zeros((queries, c), np.int64), np.zeros((queries, c), np.float32), evidence([(0, 0)]))
        assert found.shape == (queries, c)


@pytest.mark.parametrize("order", ["size", "nearest_heads"])
@every_step
@pytest.mark.parametrize("compat", [False, True])
def test_a_query_does_not_depend_on_the_others(make, order, compat):
    """Queries are handled in blocks; 300 candidates make a block of one, and one of several."""
    for c, queries in ((300, 5), (20, 200)):
        before, given = random_case(3, queries=queries, c=c)
        step = make(order=order, compat=compat)
        together = step(before.ids, before.distances, given)
        for q in (0, queries // 2, queries - 1):
            alone = step(before.ids[q : q + 1], before.distances[q : q + 1], given)
            assert alone[0].tolist() == together[q].tolist()


@every_step
def test_a_second_step_goes_on_from_the_first(make):
    before, given = random_case(4)
    once = apply(make(), before, given)
    twice = apply_all([make(), GeoNeighbours(order="nearest_heads")], before, given)
    assert np.array_equal(twice.ids, apply(GeoNeighbours(order="nearest_heads"), once, given).ids)


@every_step
def test_what_makes_no_sense_is_refused(make):
    with pytest.raises(ValueError, match=r"geo_\w+\.order: must be one of"):
        make(order="approach1")
    with pytest.raises(ValueError, match=r"geo_\w+\.depth: must be at least 0"):
        make(depth=-1)
