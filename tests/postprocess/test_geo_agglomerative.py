import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from slow_orders import slow_disjoint
from streets import ORDERS, metres, ordered, random_case

from geoloc.postprocess.geo_agglomerative import GeoAgglomerative, agglomerate

LINKAGES = ("complete", "average", "single")


def slow_agglomerate(apart, n_clusters, limit, kind):
    """Labels of one query: distances of clusters from those of all their points, at every step anew."""
    measure = {"complete": max, "single": min, "average": lambda values: sum(values) / len(values)}[kind]
    clusters = [[i] for i in range(len(apart))]
    while len(clusters) > n_clusters:
        d, a, b = min(
            (measure([apart[i][j] for i in x for j in y]), a, b)
            for a, x in enumerate(clusters)
            for b, y in enumerate(clusters)
            if a < b
        )
        if d > limit:
            break
        clusters[a] = clusters[a] + clusters.pop(b)  # still in the order of their first points
    return [min(cluster) for i in range(len(apart)) for cluster in clusters if i in cluster]


def labels_of(predictions, given, n_clusters, limit, kind):
    apart = np.array([metres(given, ids) for ids in predictions.ids])
    return agglomerate(apart, n_clusters, limit, kind)


@pytest.mark.parametrize("kind", LINKAGES)
@pytest.mark.parametrize(
    ("n_clusters", "limit"), [(5, np.inf), (1, 5.0), (1, 12.0), (1, np.inf), (19, np.inf), (3, 9.0)]
)
def test_clusters_equal_plain_loops(kind, n_clusters, limit):
    """On a grid of whole metres many pairs are equally near (but not for means, which rounding would tell apart)."""
    predictions, given = random_case(7, queries=12, grid=kind != "average")
    found = labels_of(predictions, given, n_clusters, limit, kind)
    for q, ids in enumerate(predictions.ids):
        assert found[q].tolist() == slow_agglomerate(metres(given, ids), n_clusters, limit, kind)


def test_identical_positions_in_any_number():
    """24 tiles of a panorama lie at one point. Three points, 20 candidates, 5 clusters: ties are cut by rank."""
    rng = np.random.default_rng(0)
    points = np.array([(0.0, 0.0), (3.0, 0.0), (50.0, 0.0)])[rng.integers(0, 3, (30, 20))]
    apart = np.linalg.norm(points[:, :, None] - points[:, None], axis=3)
    for n_clusters in (2, 3, 5):
        found = agglomerate(apart.copy(), n_clusters, np.inf, "complete")
        for q in range(30):
            assert found[q].tolist() == slow_agglomerate(apart[q].tolist(), n_clusters, np.inf, "complete")


@pytest.mark.parametrize("kind", LINKAGES)
@pytest.mark.parametrize("c", [2, 6, 20, 100])
def test_clusters_equal_scipy_where_no_two_distances_are_equal(kind, c):
    predictions, given = random_case(8, queries=8, c=c, grid=False)
    for n_clusters in (1, 5, 12):
        found = labels_of(predictions, given, n_clusters, np.inf, kind)
        near = labels_of(predictions, given, 1, 8.0, kind)
        for q, ids in enumerate(predictions.ids):
            tree = linkage(squareform(np.array(metres(given, ids))), kind)
            assert same_groups(found[q], fcluster(tree, n_clusters, "maxclust"))
            assert same_groups(near[q], fcluster(tree, 8.0, "distance"))


def same_groups(a, b):
    return np.array_equal(a[:, None] == a[None], b[:, None] == b[None])


def test_linkages_by_hand():
    """On a line at 0 2 5 9, merged until two are left: 0 2 first; then 5 is 5, 4 or 3 m from them and 4 m from 9."""
    apart = np.abs(np.subtract.outer([0.0, 2.0, 5.0, 9.0], [0.0, 2.0, 5.0, 9.0]))[None]
    assert agglomerate(apart.copy(), 2, np.inf, "complete").tolist() == [[0, 0, 2, 2]]
    assert agglomerate(apart.copy(), 2, np.inf, "single").tolist() == [[0, 0, 0, 3]]
    # A tie of 4 m: the pair with the best-ranked cluster is merged.
    assert agglomerate(apart.copy(), 2, np.inf, "average").tolist() == [[0, 0, 0, 3]]
    # The limit is included: 2 m merges, 1.99 does not.
    assert agglomerate(apart.copy(), 1, 2.0, "complete").tolist() == [[0, 0, 2, 3]]
    assert agglomerate(apart.copy(), 1, 1.99, "complete").tolist() == [[0, 1, 2, 3]]


@pytest.mark.parametrize("c", [1, 3, 5])
def test_fewer_candidates_than_clusters_keep_their_order(c):
    """Bug 52: fewer than five candidates were an error."""
    for order in ORDERS:
        assert ordered(GeoAgglomerative(order=order), [(i, 0) for i in range(c)]) == list(range(c))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize("arguments", [{}, {"n_clusters": None, "distance": 7.0, "linkage": "single"}])
def test_lists_equal_plain_loops(order, compat, arguments):
    predictions, given = random_case(9)
    step = GeoAgglomerative(order=order, compat=compat, **arguments)
    found = step(predictions.ids, predictions.distances, given)
    by_size = not (compat and order == "size_distance")
    for q, ids in enumerate(predictions.ids):
        labels = slow_agglomerate(metres(given, ids), step.n_clusters or 1, step.distance or np.inf, step.linkage)
        assert found[q].tolist() == slow_disjoint(labels, predictions.distances[q].tolist(), order, by_size)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_clusters": None}, "give n_clusters or distance"),
        ({"distance": 5.0}, "set the other to null"),
        ({"n_clusters": 0}, r"\.n_clusters: must be at least 1"),
        ({"n_clusters": None, "distance": 0.0}, r"\.distance: must be a number of metres above 0"),
        ({"linkage": "ward"}, r"\.linkage: must be complete, average, single, not 'ward'"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(ValueError, match=f"geo_agglomerative.*{message}"):
        GeoAgglomerative(**arguments)


def test_a_merged_cluster_takes_the_rank_of_its_first_point():
    """1 and 3 merge. Now 0 is as near to them (through 3) as to 2, and 1 is ranked better than 2."""
    apart = np.array([[0, 3, 2, 2], [3, 0, 5, 1], [2, 5, 0, 5], [2, 1, 5, 0]], float)[None]
    assert agglomerate(apart, 2, np.inf, "single").tolist() == [[0, 0, 2, 0]]
