import math

import numpy as np
import pytest

from geoloc.errors import InputError
from geoloc.evaluate.meters import (
    RADII,
    first_meters,
    geo_error,
    median,
    predicted_positions,
    recall_curve,
    summarise,
)
from geoloc.evaluate.recall import hits_at_n
from geoloc.places import positives_within

# Two cities 100 km apart.
XY = np.array([[500_000.0, 4_000_000], [500_010, 4_000_000], [500_000, 4_000_020], [600_000, 4_000_000]])


def test_first_meters_and_geo_error_by_hand():
    queries = np.array([[500_003.0, 4_000_004], [500_000, 4_000_000]])
    assert first_meters(np.array([[0, 3], [3, 0]]), queries, XY).tolist() == [5, 100_000]
    assert geo_error(queries, queries).tolist() == [0, 0]
    assert geo_error(queries - [6, 8], queries).tolist() == [10, 10]


def test_curve_by_hand():
    curve = recall_curve(np.array([0.0, 5, 5.01, 25, 99, 1e6]))
    assert list(curve) == list(RADII) == [1, 2, 5, 10, 15, 25, 50, 100]
    assert [round(value * 6 / 100) for value in curve.values()] == [1, 1, 2, 3, 3, 4, 4, 5]
    assert curve[1] == pytest.approx(100 / 6)
    assert median(np.array([0.0, 5, 5.01, 25, 99, 1e6])) == pytest.approx(15.005)


def test_curve_is_recall_at_1_of_every_radius():
    """On a grid of whole metres, many pairs stand at exactly 5, 10 or 25 m."""
    rng = np.random.default_rng(0)
    database, queries = rng.integers(0, 40, (60, 2)) * 1.0, rng.integers(0, 40, (3000, 2)) * 1.0
    ids = rng.integers(0, 60, (3000, 1))
    meters = first_meters(ids, queries, database)
    assert {5, 10, 25} <= set(meters.tolist())
    for radius, percent in recall_curve(meters).items():
        hits = hits_at_n(ids, positives_within(queries, database, radius), [1])
        assert percent == pytest.approx(100 * hits.mean())


def test_softmax_by_hand():
    """Squared distances 0.25 and 0.25 + 0.1 ln 3 at temperature 0.1: weights 3 to 1, so a quarter of 10 m."""
    distances = np.array([[0.5, math.sqrt(0.25 + 0.1 * math.log(3))]])
    found = predicted_positions(np.array([[0, 1]]), distances, XY, temperature=0.1)
    assert found == pytest.approx(np.array([[500_002.5, 4_000_000]]), abs=1e-6)


def test_far_outlier_does_not_pull_between_two_cities():
    equal = np.full((2, 4), 0.7)
    here, there = predicted_positions(np.array([[0, 3, 1, 2], [3, 0, 1, 2]]), equal, XY)
    assert here == pytest.approx([500_000 + 10 / 3, 4_000_000 + 20 / 3])
    assert there.tolist() == XY[3].tolist()


def test_near_is_a_closed_circle_about_the_best_candidate():
    """Rows 1 and 2 stand 10 m and 20 m from row 0."""
    ids, equal = np.array([[0, 1, 2]]), np.full((1, 3), 0.7)
    assert predicted_positions(ids, equal, XY, near=10).tolist() == [[500_005, 4_000_000]]
    assert predicted_positions(ids, equal, XY, near=9.9).tolist() == [XY[0].tolist()]


def test_only_the_top_count_and_one_candidate_is_its_own_position():
    ids, equal = np.array([[0, 1, 2]]), np.full((1, 3), 0.7)
    assert predicted_positions(ids, equal, XY, top=2).tolist() == [[500_005, 4_000_000]]
    assert predicted_positions(ids, equal, XY, top=1).tolist() == [XY[0].tolist()]
    assert predicted_positions(ids[:, :1], equal[:, :1], XY).tolist() == [XY[0].tolist()]


def test_best_candidate_leads_though_its_distance_may_not_be_the_least():
    """Re-ordered: the second's distance is far less, and it weighs as much as the best, not more."""
    found = predicted_positions(np.array([[0, 1]]), np.array([[1.4, 0.1]]), XY, temperature=0.001)
    assert found.tolist() == [[500_005, 4_000_000]]


@pytest.mark.parametrize("seed", range(5))
def test_positions_equal_a_loop_and_stay_near_the_best(seed):
    rng = np.random.default_rng(seed)
    database = rng.random((50, 2)) * 80 + [500_000, 4_000_000]
    ids = np.stack([rng.permutation(50)[:8] for _ in range(30)])
    distances = np.sort(rng.random((30, 8)).astype(np.float32), axis=1)
    found = predicted_positions(ids, distances, database, top=6, temperature=0.2, near=30)
    for query in range(30):
        best, total, sums = database[ids[query, 0]], 0.0, [0.0, 0.0]
        for rank in range(6):
            place = database[ids[query, rank]]
            if math.dist(place, best) <= 30:
                ahead = float(distances[query, rank]) ** 2 - float(distances[query, 0]) ** 2
                weight = math.exp(-ahead / 0.2)
                total += weight
                sums = [sums[axis] + weight * place[axis] for axis in (0, 1)]
        assert found[query] == pytest.approx([sums[0] / total, sums[1] / total], abs=1e-6)
        assert math.dist(found[query], best) <= 30


def test_summary_by_hand():
    """First predictions miss by 0, 10 and 100,000 m; equal distances put the second's position midway, 5 m off."""
    queries = np.array([XY[1], XY[1], XY[3]])
    ids = np.array([[1, 3], [0, 1], [0, 3]])
    found = summarise(ids, np.full((3, 2), 0.7), queries, XY, radii=[5, 10])
    assert (found.median_first_m, found.median_geo_error_m) == (10, 5)
    assert found.curve == {5: pytest.approx(100 / 3), 10: pytest.approx(200 / 3)}


def test_no_query_and_no_candidate_are_refused():
    none = np.empty((0, 3), int)
    assert first_meters(none, np.empty((0, 2)), XY).shape == (0,)
    assert predicted_positions(none, np.empty((0, 3)), XY).shape == (0, 2)
    for judge in (median, recall_curve):
        with pytest.raises(InputError, match="no query"):
            judge(np.empty(0))
    empty = np.empty((2, 0), int)
    with pytest.raises(InputError, match="at least one candidate"):
        first_meters(empty, np.zeros((2, 2)), XY)
    with pytest.raises(InputError, match="at least one candidate"):
        predicted_positions(empty, np.empty((2, 0)), XY)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({"top": 0}, "top"), ({"temperature": 0.0}, "temperature"), ({"near": -1.0}, "near")],
)
def test_arguments_out_of_range(arguments, said):
    with pytest.raises(InputError, match=f"^{said} must be"):
        predicted_positions(np.array([[0]]), np.array([[0.1]]), XY, **arguments)


def test_lengths_must_match():
    with pytest.raises(InputError, match="predictions of 1 queries, but 2 true positions"):
        first_meters(np.array([[0]]), np.zeros((2, 2)), XY)
    with pytest.raises(InputError, match="must both be"):
        predicted_positions(np.array([[0, 1]]), np.array([[0.1]]), XY)
