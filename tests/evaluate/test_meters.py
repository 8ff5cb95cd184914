import numpy as np
import pytest

from geoloc.errors import InputError
from geoloc.evaluate.meters import (
    RADII,
    first_meters,
    geo_error,
    median,
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


def test_summary_by_hand():
    """First predictions miss by 0, 10 and 100,000 m; the positions by 3, 5 and 90,000 m."""
    queries = np.array([XY[1], XY[1], XY[3]])
    ids = np.array([[1, 3], [0, 1], [0, 3]])
    positions = queries + np.array([[0.0, 3.0], [-4.0, 3.0], [-90_000.0, 0.0]])
    found = summarise(ids, positions, queries, XY, radii=[5, 10])
    assert (found.median_first_m, found.median_geo_error_m) == (10, 5)
    assert found.curve == {5: pytest.approx(100 / 3), 10: pytest.approx(200 / 3)}


def test_no_query_and_no_candidate_are_refused():
    none = np.empty((0, 3), int)
    assert first_meters(none, np.empty((0, 2)), XY).shape == (0,)
    for judge in (median, recall_curve):
        with pytest.raises(InputError, match="no query"):
            judge(np.empty(0))
    empty = np.empty((2, 0), int)
    with pytest.raises(InputError, match="at least one candidate"):
        first_meters(empty, np.zeros((2, 2)), XY)


def test_lengths_must_match():
    with pytest.raises(InputError, match="predictions of 1 queries, but 2 true positions"):
        first_meters(np.array([[0]]), np.zeros((2, 2)), XY)
