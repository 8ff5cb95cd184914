import math

import numpy as np
import pytest

from geoloc.errors import InputError
from geoloc.postprocess import batches
from geoloc.postprocess.chain import Evidence, apply
from geoloc.postprocess.k_reciprocal import KReciprocal
from geoloc.predictions import Predictions


def evidence_of_vectors(database, queries):
    return Evidence(np.zeros((len(database), 2)), np.full(len(database), ""), database, queries)


def ranked(x, q, listed):
    apart = np.linalg.norm(q[:, None].astype(np.float64) - x[None], axis=2)
    ids = np.argsort(apart, axis=1, kind="stable")[:, :listed]
    return ids, np.take_along_axis(apart, ids, axis=1).astype(np.float32), evidence_of_vectors(x, q)


def random_lists(seed, queries=5, listed=14, database=40, dim=6):
    """Clustered, so that neighbours are neighbours of each other."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(6, dim))
    vectors = centres[rng.integers(6, size=database + queries)] + 0.4 * rng.normal(size=(database + queries, dim))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return ranked(vectors[:database], vectors[database:], listed)


def slow(candidates, database, query, k1, k2, weight):
    """One query, by sets and loops, from the paper."""
    images = [[float(v) for v in query], *([float(v) for v in database[row]] for row in candidates)]
    everyone = range(len(images))
    d = [[math.dist(a, b) ** 2 for b in images] for a in images]
    largest = max(max(row) for row in d)
    d = [[value / largest for value in row] for row in d]
    k1, k2 = min(k1, len(candidates)), min(k2, len(candidates))

    def near(p, k):
        others = sorted(d[p][g] for g in everyone if g != p)
        return {g for g in everyone if g == p or (k > 0 and d[p][g] <= others[k - 1] + 1e-9)}

    def reciprocal(p, k):
        return {g for g in near(p, k) if p in near(g, k)}

    vectors = []
    for p in everyone:
        members = reciprocal(p, k1)
        grown = set(members)
        for g in members:
            half = reciprocal(g, math.ceil(k1 / 2))
            if len(members & half) >= 2 / 3 * len(half) - 1e-12:
                grown |= half
        vectors.append([math.exp(-d[p][g]) if g in grown else 0.0 for g in everyone])
    averaged = [
        [sum(vectors[g][i] for g in near(p, k2 - 1)) / len(near(p, k2 - 1)) for i in everyone] for p in everyone
    ]
    final = []
    for g in everyone[1:]:
        pairs = list(zip(averaged[0], averaged[g], strict=True))
        jaccard = 1 - sum(min(pair) for pair in pairs) / sum(max(pair) for pair in pairs)
        final.append((1 - weight) * jaccard + weight * d[0][g])
    return sorted(range(len(final)), key=lambda i: (round(final[i], 9), i))


@pytest.mark.parametrize("weight", [0.0, 0.3])
@pytest.mark.parametrize(("k1", "k2"), [(20, 6), (5, 3), (4, 1), (1, 1), (3, 50)])
def test_equals_the_slow_reference(monkeypatch, k1, k2, weight):
    monkeypatch.setattr(batches, "BUDGET", 4000)  # several batches of queries
    changed = False
    for seed in range(4):
        ids, distances, evidence = random_lists(seed)
        order = KReciprocal(k1, k2, weight)(ids, distances, evidence)
        assert order.tolist() == [
            slow(c, evidence.database, q, k1, k2, weight) for c, q in zip(ids, evidence.queries, strict=True)
        ]
        changed |= bool((order != np.arange(14)).any())
    assert changed or k1 == 1


def test_by_hand():
    """On a line: q = 0, a = 1, b = -1.1, c = -1.2, d = -1.3; k1 = 1, no averaging.

    Nearest besides itself: q-a, a-q, b-c, c-b (0.1, as d), d-c. So q and a have each other, and b and c too; a has the
    Jaccard distance 0 to q (the same two images with the same weights up to who is who: exp(-d) and 1 are swapped, so
    it is 1 - 2 exp(-d) / 2 with d = 1 / 2.3^2), and the others share nothing with q and have 1.
    """
    database = np.array([[-1.1, 0], [-1.2, 0], [-1.3, 0], [1.0, 0]], np.float32)
    evidence = evidence_of_vectors(database, np.zeros((1, 2), np.float32))
    # A step before has put `a` last.
    ids, distances = np.array([[0, 1, 2, 3]]), np.array([[1.1, 1.2, 1.3, 1.0]], np.float32)
    assert KReciprocal(1, 1, 0.0)(ids, distances, evidence).tolist() == [[3, 0, 1, 2]]


def test_weight_1_orders_by_distance():
    ids, distances, evidence = random_lists(seed=8)
    assert (KReciprocal(weight=1.0)(ids, distances, evidence) == np.arange(14)).all()
    backwards = KReciprocal(weight=1.0)(ids[:, ::-1], distances[:, ::-1], evidence)
    assert (backwards == np.arange(14)[::-1]).all()


def test_a_nearer_stranger_falls_behind_those_that_have_the_query_among_their_nearest():
    """On a line: the query at 0, its group at 1, 1.02 and 1.04, a stranger at -0.9 with four twins at -1.1; k1 = 4.

    The stranger is nearest to the query, but has its twins as its four nearest, and so has nothing in common with it.
    Each of the group has the two others, the query and the stranger: the query's set and theirs are the same four.
    """
    database = np.array([[-0.9], [1.0], [1.02], [1.04], [-1.1], [-1.1], [-1.1], [-1.1]], np.float32)
    ids, distances, evidence = ranked(database, np.zeros((1, 1), np.float32), 8)
    assert ids.tolist() == [[0, 1, 2, 3, 4, 5, 6, 7]]
    assert KReciprocal(4, 1, 0.0)(ids, distances, evidence).tolist() == [[1, 2, 3, 0, 4, 5, 6, 7]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_memory_maps(tmp_path, dtype):
    ids, distances, evidence = random_lists(seed=9)
    stored = np.lib.format.open_memmap(tmp_path / "d.npy", "w+", dtype, evidence.database.shape)
    stored[:] = evidence.database
    queries = evidence.queries.astype(dtype)
    order = KReciprocal(6, 3)(ids, distances, evidence_of_vectors(stored, queries))
    assert order.tolist() == [slow(c, stored, q, 6, 3, 0.3) for c, q in zip(ids, queries, strict=True)]


def test_the_length_of_descriptors_plays_no_part():
    ids, distances, evidence = random_lists(seed=10)
    longer = evidence_of_vectors(evidence.database * 64, evidence.queries * 64)
    assert (KReciprocal()(ids, distances, longer) == KReciprocal()(ids, distances, evidence)).all()


def test_equal_images_keep_the_order():
    rng = np.random.default_rng(0)
    one = rng.normal(size=(1, 300)).astype(np.float32)
    for query in (one, one + 0.3, 0 * one):
        for image in (one, 0 * one):
            evidence = evidence_of_vectors(np.repeat(image, 30, axis=0), query)
            order = KReciprocal()(rng.permutation(30)[None], np.ones((1, 30), np.float32), evidence)
            assert order.tolist() == [list(range(30))]


def test_candidates_beyond_the_depth_stay():
    ids, distances, evidence = random_lists(seed=11)
    after = apply(KReciprocal(5, 3, depth=8), Predictions(ids, distances, 40), evidence)
    assert (after.ids[:, 8:] == ids[:, 8:]).all()
    assert (np.sort(after.ids[:, :8], axis=1) == np.sort(ids[:, :8], axis=1)).all()
    alone = apply(KReciprocal(5, 3), Predictions(ids[:, :8], distances[:, :8], 40), evidence)
    assert (after.ids[:, :8] == alone.ids).all()
    assert (after.ids != ids).any()


def test_one_candidate_and_no_query():
    ids, distances, evidence = random_lists(seed=12, listed=1)
    assert KReciprocal()(ids, distances, evidence).tolist() == [[0]] * 5
    assert KReciprocal()(ids[:0], distances[:0], evidence.select(np.arange(0))).shape == (0, 1)


def test_descriptors_are_needed():
    ids, distances, evidence = random_lists(seed=13)
    with pytest.raises(InputError, match="KReciprocal needs descriptors"):
        apply(KReciprocal(), Predictions(ids, distances, 40), Evidence(evidence.xy, evidence.panos))


@pytest.mark.parametrize("wrong", [{"k1": 0}, {"k2": 0}, {"weight": -0.1}, {"depth": -1}])
def test_wrong_arguments_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        KReciprocal(**wrong)
