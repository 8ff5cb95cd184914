import numpy as np
import pytest
from slow_orders import slow_overlapping
from streets import ORDERS, evidence, metres, ordered, random_case

from geoloc.postprocess.chain import apply
from geoloc.postprocess.geo_neighbours import GeoNeighbours
from geoloc.predictions import Predictions


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize(("c", "radius"), [(2, 5.0), (20, 5.0), (50, 2.0), (260, 1.5)])
def test_lists_equal_plain_loops(order, compat, c, radius):
    """On a grid of whole metres many distances are exactly the radius, and outside."""
    predictions, given = random_case(c, queries=25 if c < 100 else 3, c=c)
    step = GeoNeighbours(radius, order, None, compat)
    found = step(predictions.ids, predictions.distances, given)
    for q, ids in enumerate(predictions.ids.tolist()):
        members = [[d < radius for d in row] for row in metres(given, ids)]
        base = [ids.index(row) for row in list(set(ids))] if compat else None
        assert found[q].tolist() == slow_overlapping(members, predictions.distances[q].tolist(), order, base)


def test_the_radius_is_excluded():
    """Point 2 has two neighbours, but for one that is at exactly 5 m."""
    assert ordered(GeoNeighbours(), [(0, 0), (100, 0), (103, 4), (103, 5)]) == [2, 3, 0, 1]
    assert ordered(GeoNeighbours(), [(0, 0), (100, 0), (103, 3.9), (103, 5)]) == [1, 2, 3, 0]


def test_groups_overlap():
    """A street with a photo every 4 m: the one in the middle has most around it, and no cluster swallows the rest."""
    xy = [(0, 0), (8, 0), (4, 0), (100, 0), (101, 0)]
    assert ordered(GeoNeighbours(), xy) == [0, 1, 2, 3, 4]
    assert ordered(GeoNeighbours(order="size_distance"), xy, [0.5, 0.2, 0.1, 0.3, 0.4]) == [2, 1, 0, 3, 4]
    assert ordered(GeoNeighbours(order="heads"), xy) == [0, 1, 3, 2, 4]


def test_compat_loses_the_first_of_five_isolated_candidates():
    """Bug 51, with the order that the reference system gave."""
    xy = np.zeros((1001, 2))
    xy[:, 0] = 100.0 * np.arange(1001)
    before = Predictions(np.array([[900, 17, 33, 5, 1000]]), np.array([[0.1, 0.2, 0.3, 0.4, 0.5]], np.float32), 1001)
    for order in ("size", "size_distance", "heads"):
        assert apply(GeoNeighbours(order=order, compat=True), before, evidence(xy)).ids.tolist() == [
            [33, 900, 5, 1000, 17]
        ]
    after = apply(GeoNeighbours(order="nearest_heads", compat=True), before, evidence(xy))
    assert after.ids.tolist() == before.ids.tolist()


@pytest.mark.parametrize("radius", [0.0, -1.0, float("nan"), float("inf")])
def test_what_makes_no_sense_is_refused(radius):
    with pytest.raises(ValueError, match=r"geo_neighbours\.radius"):
        GeoNeighbours(radius)
