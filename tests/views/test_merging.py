"""Lists of several crops become one: by hand, and against plain loops that follow the definition."""

import numpy as np
import pytest

from geoloc.views.maj_voting import MajVoting
from geoloc.views.nearest_crop import NearestCrop


def random_hits(rng, queries, crops, k, database):
    """What an exact search of each crop may find; coarse distances, so that there are ties."""
    ids = np.stack([rng.permutation(database)[:k] for _ in range(queries * crops)]).reshape(queries, crops, k)
    steps = rng.integers(0, 3, ids.shape)
    distances = (0.25 + np.cumsum(steps, axis=2) / 64).astype(np.float32)
    return ids, distances


def slow_order(ids, keys, distances, k):
    """Hits of one query by (key, rank, crop), first occurrences, and the smallest distance of each candidate."""
    hits = sorted((keys[v][r], r, v) for v in range(len(ids)) for r in range(len(ids[0])))
    chosen = []
    for _, rank, crop in hits:
        if ids[crop][rank] not in chosen:
            chosen.append(ids[crop][rank])
    smallest = [
        min(distances[v][r] for v in range(len(ids)) for r in range(len(ids[0])) if ids[v][r] == candidate)
        for candidate in chosen
    ]
    return chosen[:k], smallest[:k]


def slow_votes(ids, distances, weight, passes):
    """Squared distances of one query after the passes."""
    values = [[float(d) ** 2 for d in row] for row in distances]
    for n in passes:
        first = [candidate for row in ids for candidate in row[:n]]
        for candidate in set(first):
            if first.count(candidate) > 1:
                for crop, row in enumerate(ids):
                    for rank in range(min(n, len(row))):
                        if row[rank] == candidate:
                            values[crop][rank] -= weight * first.count(candidate) / n
    return values


CASES = [(4, 5, 20, 25), (3, 5, 3, 3), (3, 5, 1, 9), (5, 5, 12, 400), (2, 5, 30, 40), (6, 2, 7, 8), (1, 5, 1, 1)]


@pytest.mark.parametrize("case", CASES)
def test_nearest_crop_equals_plain_loops(case):
    ids, distances = random_hits(np.random.default_rng(case), *case)
    found, measured = NearestCrop().merge(ids, distances, case[2])
    assert found.shape == measured.shape == (case[0], case[2])
    for query in range(case[0]):
        own = ids[query].tolist(), distances[query].tolist()
        assert (found[query].tolist(), measured[query].tolist()) == slow_order(own[0], own[1], own[1], case[2])


@pytest.mark.parametrize("weight", [0.0, 0.01, 0.3])
@pytest.mark.parametrize("passes", [(1, 5, 10), (3,), (2, 50)])
@pytest.mark.parametrize("case", CASES)
def test_maj_voting_equals_plain_loops(case, weight, passes):
    ids, distances = random_hits(np.random.default_rng(case), *case)
    found, measured = MajVoting(weight, passes).merge(ids, distances, case[2])
    for query in range(case[0]):
        own = ids[query].tolist(), distances[query].tolist()
        expected = slow_order(own[0], slow_votes(*own, weight, passes), own[1], case[2])
        assert (found[query].tolist(), measured[query].tolist()) == expected


def test_nearest_crop_by_hand():
    ids = np.array([[[4, 1, 2], [1, 5, 4]]])
    distances = np.array([[[0.3, 0.4, 0.6], [0.2, 0.3, 0.5]]], np.float32)
    found, measured = NearestCrop().merge(ids, distances, 3)
    assert found.tolist() == [[1, 4, 5]]  # 4 and 5 are equally near, and 4 is the first of its list
    assert measured[0] == pytest.approx([0.2, 0.3, 0.3])


def test_equally_near_hits_of_one_rank_come_by_crop():
    found, _ = NearestCrop().merge(np.array([[[8, 1], [2, 3]]]), np.full((1, 2, 2), 0.5, np.float32), 2)
    assert found.tolist() == [[8, 2]]


def test_maj_voting_by_hand():
    """Candidate 2 is second in all three lists, the others are found once each."""
    ids = np.array([[[7, 2], [8, 2], [9, 2]]])
    distances = np.array([[[0.50, 0.52], [0.51, 0.55], [0.60, 0.61]]], np.float32)
    # Squared: 7 0.25, 8 0.2601, 2 0.2704; pass 5 takes weight x 3 / 5 and pass 10 weight x 3 / 10 off candidate 2.
    found, measured = MajVoting(weight=0.01).merge(ids, distances, 2)
    assert found.tolist() == [[7, 8]]  # 0.2704 - 0.009 = 0.2614
    found, measured = MajVoting(weight=0.012).merge(ids, distances, 2)
    assert found.tolist() == [[7, 2]]  # 0.2704 - 0.0108 = 0.2596
    found, measured = MajVoting(weight=0.03).merge(ids, distances, 2)
    assert found.tolist() == [[2, 7]]
    assert measured[0] == pytest.approx([0.52, 0.50])  # true distances, which stay with their candidates


def test_a_common_first_candidate_is_rewarded_in_all_passes():
    ids = np.array([[[1, 3], [2, 4], [2, 5]]])
    distances = np.array([[[0.5, 0.9], [0.6, 0.9], [0.6, 0.9]]], np.float32)
    # 0.36 - weight x 2 x (1 + 1/5 + 1/10) falls below 0.25 from weight 0.0423 on.
    assert MajVoting(0.042).merge(ids, distances, 1)[0].tolist() == [[1]]
    assert MajVoting(0.043).merge(ids, distances, 1)[0].tolist() == [[2]]


def test_distances_stay_finite_though_a_reward_exceeds_them():
    ids = np.tile(np.arange(3), (1, 5, 1))
    found, measured = MajVoting(weight=100).merge(ids, np.zeros((1, 5, 3), np.float32), 3)
    assert found.tolist() == [[0, 1, 2]]
    assert measured.tolist() == [[0, 0, 0]]


def test_no_queries():
    empty = np.empty((0, 5, 4))
    for view in (NearestCrop(), MajVoting()):
        found, measured = view.merge(empty.astype(np.int64), empty.astype(np.float32), 4)
        assert found.shape == measured.shape == (0, 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weight": -0.1}, "weight must be at least 0, not -0.1"),
        ({"weight": float("nan")}, "weight must be at least 0"),
        ({"passes": [1, 0]}, r"passes must be numbers of candidates, at least 1 each, not \[1, 0\]"),
    ],
)
def test_senseless_values_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MajVoting(**arguments)
