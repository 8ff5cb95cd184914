import numpy as np
import pytest

from geoloc.postprocess.chain import Evidence, apply
from geoloc.postprocess.panoramas import Panoramas
from geoloc.predictions import Predictions


def evidence_with(shots):
    return Evidence(np.zeros((len(shots), 2)), np.array(shots))


def slow(candidates, shots):
    first, repeated, seen = [], [], set()
    for column, row in enumerate(candidates):
        name = shots[row] or ("image", row)
        (repeated if name in seen else first).append(column)
        seen.add(name)
    return first + repeated


def test_by_hand():
    #                         0    1    2    3    4   5   6
    evidence = evidence_with(["a", "a", "b", "a", "", "", "c"])
    ids = np.array([[1, 0, 4, 3, 2, 5, 6], [4, 5, 6, 2, 3, 1, 0]])
    order = Panoramas()(ids, np.zeros((2, 7), np.float32), evidence)
    assert order.tolist() == [[0, 2, 4, 5, 6, 1, 3], [0, 1, 2, 3, 4, 5, 6]]


@pytest.mark.parametrize("seed", range(10))
def test_equals_the_slow_reference(seed):
    rng = np.random.default_rng(seed)
    shots = rng.choice(["", "a", "b", "c", "panorama 12"], 40, p=[0.2, 0.4, 0.2, 0.1, 0.1])
    ids = np.stack([rng.permutation(40)[:15] for _ in range(8)])
    order = Panoramas()(ids, np.zeros(ids.shape, np.float32), evidence_with(shots))
    assert order.tolist() == [slow(row, shots) for row in ids]


def test_without_panoramas_the_order_stays():
    ids = np.array([[3, 1, 0, 2]])
    assert Panoramas()(ids, np.zeros((1, 4), np.float32), evidence_with([""] * 4)).tolist() == [[0, 1, 2, 3]]


def test_candidates_beyond_the_depth_stay_and_are_not_looked_at():
    ids = np.array([[0, 1, 2, 3, 4]])
    before = Predictions(ids, np.arange(5, dtype=np.float32)[None], 5)
    after = apply(Panoramas(depth=3), before, evidence_with(["a", "a", "b", "c", "b"]))
    assert after.ids.tolist() == [[0, 2, 1, 3, 4]]
    assert after.distances.tolist() == [[0, 2, 1, 3, 4]]
    whole = apply(Panoramas(), before, evidence_with(["a", "a", "b", "c", "b"]))
    assert whole.ids.tolist() == [[0, 2, 3, 1, 4]]
    assert apply(Panoramas(), whole, evidence_with(["a", "a", "b", "c", "b"])).ids.tolist() == whole.ids.tolist()


def test_one_candidate_and_no_query():
    evidence = evidence_with(["a", "a"])
    assert Panoramas()(np.array([[0], [1]]), np.zeros((2, 1), np.float32), evidence).tolist() == [[0], [0]]
    assert Panoramas()(np.empty((0, 1), np.int64), np.empty((0, 1), np.float32), evidence).shape == (0, 1)


def test_a_depth_of_nothing_is_refused():
    with pytest.raises(ValueError, match="depth"):
        Panoramas(depth=-1)
