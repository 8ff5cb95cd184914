import math

import numpy as np
import pytest

from geoloc.errors import InputError
from geoloc.postprocess import batches
from geoloc.postprocess.chain import Evidence, apply
from geoloc.postprocess.geo_density import GRID, GeoDensity
from geoloc.predictions import Predictions


def evidence_at(xy):
    xy = np.asarray(xy, np.float64)
    return Evidence(xy=xy, panos=np.full(len(xy), ""))


def random_lists(seed, queries=7, listed=12, database=40):
    rng = np.random.default_rng(seed)
    ids = np.stack([rng.permutation(database)[:listed] for _ in range(queries)])
    distances = np.sort(rng.uniform(0.6, 1.2, (queries, listed)).astype(np.float32), axis=1)
    # Real UTM values, where squares of positions would lose the metres.
    xy = np.array([548_000.0, 4_180_000.0]) + rng.uniform(0, 60, (database, 2))
    return ids, distances, evidence_at(xy)


def slow(candidates, distances, xy, bandwidth, temperature, weight):
    """One query, from the formula, in plain Python."""
    ordered = sorted(float(d) for d in distances)
    p = [math.exp(-d * d / (2 * temperature)) for d in ordered]
    p = [value / sum(p) for value in p]
    density = []
    for a in candidates:
        total = 0.0
        for b, believed in zip(candidates, p, strict=True):
            apart = math.dist(xy[a], xy[b])
            total += believed * math.exp(-(apart**2) / (2 * bandwidth**2))
        density.append(total)
    score = [
        (1 - weight) * mine / max(p) + weight * dense / max(density) for mine, dense in zip(p, density, strict=True)
    ]
    return sorted(range(len(p)), key=lambda i: (-score[i], i))


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize(("bandwidth", "temperature"), [(10.0, 0.1), (3.0, 0.5), (40.0, 0.02)])
def test_equals_the_formula(monkeypatch, weight, bandwidth, temperature):
    monkeypatch.setattr(batches, "BUDGET", 1500)  # several batches of queries
    ids, distances, evidence = random_lists(seed=int(100 * weight))
    order = GeoDensity(bandwidth, temperature, weight)(ids, distances, evidence)
    assert order.tolist() == [
        slow(c, d, evidence.xy, bandwidth, temperature, weight) for c, d in zip(ids, distances, strict=True)
    ]


def test_two_that_agree_beat_one_that_is_nearer():
    """By hand, T = 0.5: belief exp(-d^2) is 1, 0.9, 0.8 by ratio; 0 stands alone, 1 and 2 stand in one spot.

    Densities by ratio: 1, 1.7, 1.7. At weight w candidate 0 has (1 - w) + w / 1.7 and candidate 1 has
    0.9 (1 - w) + w: candidate 1 wins where 0.1 (1 - w) < w (1 - 1 / 1.7) = 0.41176 w, so from w = 0.1954 on.
    """
    distances = np.sqrt(-np.log([[1.0, 0.9, 0.8]])).astype(np.float32)
    ids, evidence = np.array([[5, 3, 1]]), evidence_at([[0, 0], [900, 0], [0, 0], [900, 0], [0, 0], [0, 0]])
    for weight, order in ((0.19, [0, 1, 2]), (0.2, [1, 0, 2]), (1.0, [1, 2, 0])):
        assert GeoDensity(10, 0.5, weight)(ids, distances, evidence).tolist() == [order]
    # Candidate 2 has 0.8 (1 - w) + w and passes candidate 0 where 0.2 (1 - w) < 0.41176 w, so from w = 0.3269 on.
    for weight, order in ((0.32, [1, 0, 2]), (0.33, [1, 2, 0])):
        assert GeoDensity(10, 0.5, weight)(ids, distances, evidence).tolist() == [order]


def test_weight_0_keeps_the_order_of_a_step_before():
    rng = np.random.default_rng(3)
    ids, distances, evidence = random_lists(seed=3)
    mixed = np.take_along_axis(distances, np.stack([rng.permutation(12) for _ in ids]), axis=1)
    assert (GeoDensity(weight=0.0)(ids, mixed, evidence) == np.arange(12)).all()


def test_after_a_step_before_belief_falls_by_rank_as_fast_as_the_distances_tell():
    """Sorted, 0.7, 0.8, 0.9 at T = 0.1 give beliefs 1, exp(-0.75) = 0.47 and exp(-1.6) = 0.20.

    So the first, which stands alone, has the density 1, and the two others, which stand together, 0.67. If the first
    kept its own 0.9, nobody could be less believed than the others are, and they would win with 2 to 1.
    """
    evidence = evidence_at([[0, 0], [1000, 0], [1000, 0]])
    order = GeoDensity(10, 0.1, 1.0)(np.array([[0, 1, 2]]), np.array([[0.9, 0.7, 0.8]], np.float32), evidence)
    assert order.tolist() == [[0, 1, 2]]


def test_long_descriptors_give_finite_scores():
    """Distances in the thousands: beliefs go to 0, and equal ones keep the order."""
    ids, _, evidence = random_lists(seed=5, listed=4)
    distances = np.tile(np.array([3000.0, 4000, 5000, 6000], np.float32), (7, 1))
    with np.errstate(all="raise", under="ignore"):
        assert (GeoDensity(weight=0.0)(ids, distances, evidence) == np.arange(4)).all()
        assert (GeoDensity(weight=0.5)(ids, distances, evidence)[:, 0] == 0).all()


def test_ties_keep_the_order():
    ids = np.array([[2, 0, 1]])
    assert GeoDensity(weight=0.7)(
        ids, np.full((1, 3), 0.5, np.float32), evidence_at([[0, 0], [500, 0], [0, 500]])
    ).tolist() == [[0, 1, 2]]


def test_candidates_beyond_the_depth_stay_and_do_not_vote():
    ids, distances, evidence = random_lists(seed=6)
    before = Predictions(ids, distances, 40)
    after = apply(GeoDensity(weight=1.0, depth=5), before, evidence)
    assert (after.ids[:, 5:] == ids[:, 5:]).all()
    assert (np.sort(after.ids[:, :5], axis=1) == np.sort(ids[:, :5], axis=1)).all()
    alone = apply(GeoDensity(weight=1.0, depth=None), Predictions(ids[:, :5], distances[:, :5], 40), evidence)
    assert (after.ids[:, :5] == alone.ids).all()
    assert (after.ids != ids).any()


def test_one_candidate_and_no_query():
    ids, distances, evidence = random_lists(seed=7, listed=1)
    assert GeoDensity(weight=0.5)(ids, distances, evidence).tolist() == [[0]] * 7
    assert GeoDensity(weight=0.5)(ids[:0], distances[:0], evidence).shape == (0, 1)


def test_auto_wants_to_be_tuned():
    step = GeoDensity()
    assert step.tunable
    assert not GeoDensity(weight=0.5).tunable
    with pytest.raises(InputError, match="val domains"):
        step(*random_lists(seed=0))
    with pytest.raises(InputError, match="val domains"):
        step.tune([])
    with pytest.raises(InputError, match="val domains"):
        step.tune([(np.empty((0, 3), int), np.empty((0, 3)), evidence_at([[0, 0]]), np.empty((0, 3), bool))])


def case_by_hand(correct):
    """The list of `test_two_that_agree_beat_one_that_is_nearer`."""
    distances = np.sqrt(-np.log([[1.0, 0.9, 0.8]])).astype(np.float32)
    evidence = evidence_at([[0, 0], [900, 0], [0, 0], [900, 0], [0, 0], [0, 0]])
    return np.array([[5, 3, 1]]), distances, evidence, np.array([correct])


def test_tuning_takes_the_smallest_of_the_best_weights():
    step = GeoDensity(10, 0.5)
    facts = step.tune([case_by_hand([False, True, False])])
    assert facts == {"weight": 0.2, "r1_before": 0.0, "r1_after": 100.0}
    assert step.tuned == 0.2
    assert step(*case_by_hand([False, True, False])[:3]).tolist() == [[1, 0, 2]]


@pytest.mark.parametrize("correct", [[True, False, False], [False, False, True], [False] * 3, [True] * 3])
def test_tuning_keeps_0_where_nothing_helps(correct):
    before = 100.0 * correct[0]
    assert GeoDensity(10, 0.5).tune([case_by_hand(correct)]) == {
        "weight": 0.0,
        "r1_before": before,
        "r1_after": before,
    }


def test_domains_weigh_the_same_whatever_their_size():
    """One query is right at 0 only, in a domain of 1; two are right from 0.2 on, in a domain of 3."""
    small = case_by_hand([True, False, False])
    one = case_by_hand([False, True, False])
    never = case_by_hand([False, False, False])
    large = (*(np.concatenate([a[i], a[i], b[i]]) for i in (0, 1) for a, b in [(one, never)]), one[2])
    large = (*large, np.concatenate([one[3], one[3], never[3]]))
    facts = GeoDensity(10, 0.5).tune([small, large])
    assert facts == {"weight": 0.0, "r1_before": 50.0, "r1_after": 50.0}  # and not 33.3 by queries


@pytest.mark.parametrize("seed", range(2))
def test_tuning_never_loses_and_tells_what_the_step_does(seed):
    rng = np.random.default_rng(seed)
    cases = []
    for domain in range(2):
        ids, distances, evidence = random_lists(seed=10 * seed + domain, queries=30, listed=25)
        cases.append((ids, distances, evidence, rng.random(ids.shape) < 0.3))
    step = GeoDensity(depth=10)
    facts = step.tune(cases)

    def r1(weight):
        recalls = []
        for ids, distances, evidence, correct in cases:
            first = [
                slow(c[:10], d[:10], evidence.xy, 10.0, 0.1, weight)[0] for c, d in zip(ids, distances, strict=True)
            ]
            recalls.append(100 * sum(correct[q, i] for q, i in enumerate(first)) / len(first))
        return sum(recalls) / 2

    by_weight = {weight: r1(weight) for weight in GRID}
    best = max(by_weight.values())
    assert facts["r1_after"] == pytest.approx(best)
    assert facts["r1_after"] >= facts["r1_before"] == pytest.approx(by_weight[0.0])
    assert facts["weight"] == min(w for w, value in by_weight.items() if value > best - 1e-9) == step.tuned


def test_the_grid_is_as_documented():
    assert GRID[0] == 0
    assert GRID[-1] == 1
    assert np.allclose(np.diff(GRID), 0.05)


@pytest.mark.parametrize(
    "wrong", [{"bandwidth": 0}, {"temperature": -1.0}, {"weight": 1.5}, {"weight": "best"}, {"depth": -1}]
)
def test_wrong_arguments_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        GeoDensity(**wrong)
