import numpy as np
import pytest

from geoloc.evaluate.recall import hits_at_n
from geoloc.evaluate.slices import score_slices
from geoloc.places import from_lists


def test_six_queries_by_hand():
    """Day: right at 1, right at 2, never; night: right at 2, no positive; unknown: right at 1."""
    positives = from_lists([np.array(rows, int) for rows in ([0], [1], [9], [1, 2], [], [0])])
    hits = hits_at_n(np.array([[0, 1]] * 6), positives, [1, 2])
    conditions = np.array(["day", "day", "day", "night", "night", ""])
    slices = score_slices(hits, positives.counts > 0, conditions, [1, 2], 10, 25)
    assert list(slices) == ["day", "night", "unknown"]
    day, night, unknown = slices.values()
    assert day.recalls == {1: pytest.approx(100 / 3), 2: pytest.approx(200 / 3)}
    assert night.recalls == {1: 0, 2: 50}
    assert night.recalls_answerable == {1: 0, 2: 100}
    assert unknown.recalls == {1: 100, 2: 100}
    assert [(each.queries, each.answerable) for each in slices.values()] == [(3, 3), (2, 1), (1, 1)]
    assert {(each.database, each.radius_m) for each in slices.values()} == {(10, 25)}
    # Wilson, 1 of 1 right: 1 / (1 + z2) to 1 with z2 = 3.8415
    assert unknown.ci95[1] == (pytest.approx(20.65, abs=0.01), 100)


@pytest.mark.parametrize("condition", ["night", ""])
def test_one_slice_is_the_domain_itself(condition):
    yes = np.ones(3, bool)
    assert score_slices(yes[:, None], yes, np.full(3, condition), [1], 9, 25) == {}
