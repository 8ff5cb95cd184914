"""In which order steps are tuned, and on what."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from geoloc.evaluate.recall import hits_at_n
from geoloc.places import from_lists
from geoloc.postprocess.chain import Evidence, apply_all
from geoloc.postprocess.geo_density import GeoDensity
from geoloc.postprocess.geo_neighbours import GeoNeighbours
from geoloc.predictions import Predictions
from geoloc.tuning import TuningCase, tunable, tune

NOTHING = Evidence(xy=np.zeros((9, 2)), panos=np.full(9, ""))


class Reverse:
    """The first `depth` candidates the other way round."""

    needs = ()

    def __init__(self, depth=None):
        self.depth = depth
        self.calls = 0

    def __call__(self, candidates, distances, evidence):
        self.calls += 1
        return np.broadcast_to(np.arange(candidates.shape[1])[::-1], candidates.shape)


class Turn:
    """Turns the list by a number that it has to be told; notes what it was told by."""

    needs, depth = (), None
    tunable = True

    def __init__(self, by=1):
        self.by, self.seen, self.ready = by, [], False

    def tune(self, cases):
        self.seen = [(ids.tolist(), distances.tolist(), right.tolist()) for ids, distances, _, right in cases]
        assert all(known is NOTHING for *_, known, _ in cases)
        self.ready = True
        return {"by": self.by}

    def __call__(self, candidates, distances, evidence):
        assert self.ready, "used before it was tuned"
        return np.broadcast_to(np.roll(np.arange(candidates.shape[1]), -self.by), candidates.shape)


class Other(Turn):
    pass


def case(name, ids, positives):
    ids = np.array(ids)
    distances = np.tile(np.arange(ids.shape[1], dtype=np.float32), (len(ids), 1))
    return TuningCase(name, Predictions(ids, distances, 9), NOTHING, from_lists([np.array(rows) for rows in positives]))


def test_a_step_is_tuned_on_what_the_steps_before_it_leave(caplog):
    caplog.set_level(logging.INFO, "geoloc")
    first, turn, other, last = Reverse(depth=2), Turn(by=1), Other(by=2), Reverse()
    cases = [case("one", [[3, 4, 5], [6, 7, 8]], [[4], []]), case("two", [[0, 1, 2]], [[0, 2]])]
    assert tune([first, turn, other, last], cases) == {"Turn": {"by": 1}, "Other": {"by": 2}}
    # Reversed in the first two places; right is what is in the lists of positives.
    assert turn.seen == [
        ([[4, 3, 5], [7, 6, 8]], [[1, 0, 2], [1, 0, 2]], [[True, False, False], [False] * 3]),
        ([[1, 0, 2]], [[1, 0, 2]], [[False, True, True]]),
    ]
    # And turned by one then.
    assert other.seen == [
        ([[3, 5, 4], [6, 8, 7]], [[0, 2, 1], [0, 2, 1]], [[False, False, True], [False] * 3]),
        ([[0, 2, 1]], [[0, 2, 1]], [[True, True, False]]),
    ]
    assert first.calls == 2
    assert [line for line in caplog.messages if "tuned" in line] == [
        "Turn tuned on one, two: by 1",
        "Other tuned on one, two: by 2",
    ]
    assert cases[0].predictions.ids.tolist() == [[3, 4, 5], [6, 7, 8]]


def test_nothing_is_said_of_steps_that_ask_for_nothing(caplog):
    caplog.set_level(logging.INFO, "geoloc")
    assert tune([Reverse(), GeoDensity(weight=0.5)], [case("one", [[0, 1]], [[1]])]) == {}
    assert tune([], []) == {}
    assert caplog.messages == []


def test_tunable_steps():
    auto, fixed, turn = GeoDensity(), GeoDensity(weight=0.0), Turn()
    assert tunable([auto, fixed, Reverse(), turn]) == [auto, turn]
    assert tunable([fixed, Reverse()]) == []


@pytest.mark.parametrize("seed", range(20))
def test_the_density_step_never_lowers_r1_of_the_cases(seed):
    """Mean over the domains, of the chain up to that step, with what the step before it leaves as the measure."""
    draw = np.random.default_rng(seed)
    known = Evidence(xy=draw.uniform(0, 60, (30, 2)), panos=np.full(30, ""))
    cases = []
    for number in range(3):
        ids = np.array([draw.permutation(30)[:8] for _ in range(5)])
        distances = np.sort(draw.uniform(0, 1, ids.shape), axis=1).astype(np.float32)
        positives = from_lists([np.sort(draw.permutation(30)[: draw.integers(0, 9)]) for _ in range(5)])
        cases.append(TuningCase(f"val{number}", Predictions(ids, distances, 30), known, positives))
    steps = [GeoNeighbours(radius=15.0), GeoDensity()]

    def r1(chain):
        return np.mean(
            [
                100 * hits_at_n(apply_all(chain, each.predictions, known).ids, each.positives, [1]).mean()
                for each in cases
            ]
        )

    found = tune(steps, cases)["GeoDensity"]
    assert found["r1_before"] == pytest.approx(r1(steps[:1]))
    assert found["r1_after"] == pytest.approx(r1(steps))
    assert found["r1_after"] >= found["r1_before"]
    assert steps[1].tuned == found["weight"]
