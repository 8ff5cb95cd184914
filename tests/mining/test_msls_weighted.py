import numpy as np
import pytest

from geoloc.errors import InputError
from geoloc.mining.msls_weighted import MslsWeighted, query_weights
from geoloc.mining.truth import usable
from geoloc.places import from_lists

NOTES = np.array(["day_forward_a", "night_sideways_a", "day_backward_a", "night_forward_a", "day_sideways_b", ""])


def truth_of(notes, without=()):
    near = from_lists([np.array([] if row in without else [0], int) for row in range(len(notes))])
    return usable(near, near, 20, notes)[0]


def test_weights_add_up():
    # Six queries, two by night (6 / 2 = 3 more), two sideways (3 more).
    assert query_weights(NOTES).tolist() == [1, 7, 1, 4, 4, 1]
    assert query_weights(np.array(["nightly", "", "x_sideways_y"])).tolist() == [1, 1, 4]


def test_notes_stay_with_their_queries():
    assert truth_of(NOTES, without=(0, 2)).notes.tolist() == NOTES[[1, 3, 4, 5]].tolist()


def test_rare_conditions_are_drawn_more_often():
    truth = truth_of(NOTES)
    miner = MslsWeighted(queries_per_epoch=1, negatives=1)
    drawn = np.bincount([miner.sample(truth, np.random.default_rng(seed))[0] for seed in range(3000)], minlength=6)
    assert drawn / 3000 == pytest.approx(np.array([1, 7, 1, 4, 4, 1]) / 18, abs=0.03)
    everything = MslsWeighted(queries_per_epoch=99).sample(truth, np.random.default_rng(0))
    assert sorted(everything) == list(range(6))


def test_without_notes_it_is_refused():
    with pytest.raises(InputError, match=r"no train query is noted as night or sideways; .* miner=partial"):
        MslsWeighted().check(truth_of(np.array(["", "day_forward_a"])))
    MslsWeighted().check(truth_of(NOTES))
