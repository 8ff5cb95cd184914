import numpy as np
import pytest
from slow_orders import slow_disjoint
from streets import ORDERS, metres, ordered, random_case

from geoloc.postprocess.geo_dbscan import GeoDBSCAN, dbscan


def slow_dbscan(apart, eps, min_samples):
    """Labels of one query: clusters grown one after the other from their first core; -1 for noise."""
    near = [[j for j, d in enumerate(row) if d <= eps] for row in apart]
    labels = [-1] * len(apart)
    for start in range(len(apart)):
        if labels[start] >= 0 or len(near[start]) < min_samples:
            continue
        todo = [start]
        while todo:
            point = todo.pop()
            if labels[point] >= 0:
                continue
            labels[point] = start
            if len(near[point]) >= min_samples:
                todo += near[point]
    return labels


@pytest.mark.parametrize("min_samples", [1, 2, 3, 5])
@pytest.mark.parametrize(("c", "eps"), [(2, 5.0), (20, 5.0), (20, 2.0), (70, 2.0), (260, 1.0)])
def test_clusters_equal_plain_loops(c, eps, min_samples):
    """On a grid of whole metres many distances are exactly eps. 260 candidates need more than a byte."""
    predictions, given = random_case(c, queries=25 if c < 100 else 3, c=c)
    found = dbscan(given.xy[predictions.ids], eps, min_samples)
    for q, ids in enumerate(predictions.ids):
        assert found[q].tolist() == slow_dbscan(metres(given, ids), eps, min_samples)


@pytest.mark.parametrize("min_samples", [1, 2, 4])
@pytest.mark.parametrize("grid", [False, True])
def test_clusters_equal_scikit_learn(min_samples, grid):
    sklearn = pytest.importorskip("sklearn.cluster")
    predictions, given = random_case(5, c=40, grid=grid)
    found = dbscan(given.xy[predictions.ids], 5.0, min_samples)
    borders = 0
    for q, ids in enumerate(predictions.ids):
        apart = np.array(metres(given, ids))
        fitted = sklearn.DBSCAN(eps=5.0, min_samples=min_samples, metric="precomputed").fit(apart)
        first_core = {
            label: min(fitted.core_sample_indices_[fitted.labels_[fitted.core_sample_indices_] == label])
            for label in set(fitted.labels_.tolist()) - {-1}
        }
        assert found[q].tolist() == [first_core.get(label, -1) for label in fitted.labels_.tolist()]
        borders += int((fitted.labels_ >= 0).sum()) - len(fitted.core_sample_indices_)
    assert (borders > 0) == (min_samples > 2)


def test_a_long_street_in_any_order_is_one_cluster():
    rng = np.random.default_rng(0)
    for order in (np.arange(99), np.arange(99)[::-1], rng.permutation(99)):
        xy = np.stack([4.0 * order, np.zeros(99)], axis=1)[None]
        assert not dbscan(xy, 5.0, 2).any()
        assert (dbscan(xy, 3.0, 2) == -1).all()


def test_a_border_point_joins_the_cluster_that_is_found_first():
    """Cores need four neighbours. Point 0 is near a core of either cluster, 7 of the first found and 4 of the other."""
    left, right = [(-4, 0), (-7, 0), (-8, 0), (-6, 0)], [(4, 0), (7, 0), (8, 0), (6, 0)]
    xy = np.array([[(0, 0), *left, *right]], float)
    assert dbscan(xy, 4.0, 4).tolist() == [[1, 1, 1, 1, 1, 5, 5, 5, 5]]
    xy = np.array([[(0, 0), *right, *left]], float)
    assert dbscan(xy, 4.0, 4).tolist() == [[1, 1, 1, 1, 1, 5, 5, 5, 5]]


def test_eps_is_included():
    xy = np.array([[(0, 0), (3, 4)], [(0, 0), (3, 4.001)]], float)
    assert dbscan(xy, 5.0, 2).tolist() == [[0, 0], [-1, -1]]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("compat", "min_samples"), [(False, 2), (True, 2), (True, 4), (False, 4)])
def test_lists_equal_plain_loops(order, compat, min_samples):
    predictions, given = random_case(6)
    found = GeoDBSCAN(order=order, compat=compat, min_samples=min_samples)(
        predictions.ids, predictions.distances, given
    )
    for q, ids in enumerate(predictions.ids):
        labels = slow_dbscan(metres(given, ids), 5.0, min_samples)
        if not compat:
            labels = [label if label >= 0 else -2 - i for i, label in enumerate(labels)]
        by_size = not (compat and order == "size_distance")
        assert found[q].tolist() == slow_disjoint(labels, predictions.distances[q].tolist(), order, by_size)


def test_compat_puts_scattered_candidates_first():
    """Bugs 50 and 49: five noise points outnumber a cluster of three; size_distance ignores the size."""
    xy = [(100 * i, 0) for i in range(8)]
    xy[3], xy[6] = (103, 0), (101, 2)
    assert ordered(GeoDBSCAN(), xy) == [1, 3, 6, 0, 2, 4, 5, 7]
    assert ordered(GeoDBSCAN(compat=True), xy) == [0, 2, 4, 5, 7, 1, 3, 6]
    xy = [(0, 0), (50, 0), (51, 0), (52, 0), (1, 0)]
    assert ordered(GeoDBSCAN(order="size_distance"), xy) == [1, 2, 3, 0, 4]
    assert ordered(GeoDBSCAN(order="size_distance", compat=True), xy) == [0, 4, 1, 2, 3]


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ({"eps": 0.0}, "eps"),
        ({"eps": float("nan")}, "eps"),
        ({"eps": float("inf")}, "eps"),
        ({"min_samples": 0}, "min_"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, key):
    with pytest.raises(ValueError, match=rf"geo_dbscan\.{key}"):
        GeoDBSCAN(**arguments)
