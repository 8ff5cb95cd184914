import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc.mining.full import Full
from geoloc.mining.hardest import fill_up, hardest_negatives
from geoloc.mining.partial import Partial
from geoloc.mining.random import Random
from geoloc.mining.truth import usable
from geoloc.places import from_lists, positives_within

MINERS = {"partial": Partial, "full": Full, "random": Random}


def line_city(queries, database):
    """Truth of places on a line: positives within 10 m, forbidden within 25 m."""
    q, d = (np.column_stack([np.array(values, float), np.zeros(len(values))]) for values in (queries, database))
    truth, dropped = usable(positives_within(q, d, 10), positives_within(q, d, 25), len(d))
    return truth, dropped, q, d


def mine(miner, truth, queries, database, seed=0):
    rng = np.random.default_rng(seed)
    plan = miner.plan(truth, rng)
    return plan, miner.mine(truth, plan, queries[truth.queries[plan.sampled]], database, rng)


def vectors(rng, count, dim=8):
    rows = rng.normal(size=(count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("name", MINERS)
def test_queries_without_positives_are_dropped_from_everything(name):
    """Field fault B1: the second of five queries lies 300 m from any database image."""
    truth, dropped, q, d = line_city([0, 300, 1000, 1100, 1200], [1, 5, 1001, 1101, 1109, 1201, 1230, 2000])
    assert dropped == 1
    assert truth.queries.tolist() == [0, 2, 3, 4]
    rng = np.random.default_rng(1)
    _, mined = mine(MINERS[name](4, negatives=2), truth, vectors(rng, 5), vectors(rng, 8))
    assert len(mined.tuples) == 4
    distance = np.abs(q[mined.tuples[:, 0], 0][:, None] - d[mined.tuples[:, 1:], 0])
    assert (distance[:, 0] <= 10).all()
    assert (distance[:, 1:] > 25).all()


def test_partial_equals_a_slow_reference():
    rng = np.random.default_rng(0)
    truth, _, q, d = line_city(np.arange(0, 3000, 37), np.arange(0, 3000, 9))
    queries, database = vectors(rng, len(q)), vectors(rng, len(d))
    plan, mined = mine(Partial(30, negatives=5, pool=100), truth, queries, database, seed=3)
    assert (len(plan.sampled), len(plan.pool), len(mined.tuples)) == (30, 100, 30)
    assert len(set(plan.sampled.tolist())) == 30
    for entry, row in zip(plan.sampled, mined.tuples, strict=True):
        query = int(truth.queries[entry])
        assert row[0] == query
        metres = np.abs(d[:, 0] - q[query, 0])
        distance = np.linalg.norm(database.astype(np.float64) - queries[query], axis=1)
        positives = np.flatnonzero(metres <= 10)
        assert row[1] == positives[np.argmin(distance[positives])]
        allowed = [i for i in plan.pool if metres[i] > 25]
        assert row[2:].tolist() == sorted(allowed, key=lambda i: distance[i])[:5]
    assert set(plan.database) >= set(plan.pool) | set(mined.tuples[:, 1])


def test_full_remembers_the_hardest_of_the_last_visit():
    rng = np.random.default_rng(0)
    truth, _, _, d = line_city([0], [1, *range(1000, 6000, 10)])
    queries, database = vectors(rng, 1), vectors(rng, len(d))
    miner = Full(1, negatives=3, pool=20)
    pools, best = [], set()
    for round_ in range(4):
        _, mined = mine(miner, truth, queries, database, seed=round_)
        rng_again = np.random.default_rng(round_)
        rng_again.choice(1, 1, replace=False)
        pools.append(set(rng_again.choice(len(d), 20, replace=False).tolist()))
        distance = np.linalg.norm(database - queries[0], axis=1)
        candidates = sorted((pools[-1] | best) - {0}, key=lambda i: distance[i])
        assert mined.tuples[0, 2:].tolist() == candidates[:3]
        best = set(candidates[:3])


def test_random_negatives_are_uniform_over_the_allowed_ones():
    truth, _, _, d = line_city([0], [0, 20, *range(1000, 1010)])
    counts = np.zeros(len(d))
    for seed in range(3000):
        rng = np.random.default_rng(seed)
        miner = Random(1, negatives=2)
        _, mined = mine(miner, truth, vectors(rng, 1), vectors(rng, len(d)), seed)
        counts[mined.tuples[0, 2:]] += 1
        assert mined.tuples[0, 2] != mined.tuples[0, 3]
    assert counts[:2].tolist() == [0, 0]  # the positive, and one that is close but no positive
    assert counts[2:] / 3000 == pytest.approx(np.full(10, 0.2), abs=0.03)


def test_random_draws_as_from_a_list_of_the_allowed_ones():
    truth, _, _, d = line_city([0, 1000, 2000], [0, 1, 30, 31, 999, 1000, 1030, 1976, 1990, 2000, 2040])
    miner = Random(3, negatives=4)
    plan = miner.plan(truth, np.random.default_rng(0))
    chosen = miner.choose(truth, plan, vectors(np.random.default_rng(0), 3), None, np.random.default_rng(7))
    rng = np.random.default_rng(7)
    for entry, row in zip(plan.sampled, chosen, strict=True):
        allowed = [place for place in range(len(d)) if abs(d[place, 0] - 1000 * entry) > 25]
        assert row.tolist() == rng.choice(allowed, 4, replace=False).tolist()


@pytest.mark.parametrize("name", MINERS)
def test_too_few_negatives_are_repeated_and_counted(name):
    """Field fault B3: 12 database images, 9 of them within 25 m, 10 negatives asked for."""
    truth, _, _, d = line_city([0], [*range(9), 100, 200, 300])
    rng = np.random.default_rng(0)
    _, mined = mine(MINERS[name](1, negatives=10), truth, vectors(rng, 1), vectors(rng, len(d)))
    assert mined.counts == {"queries": 1, "short_of_negatives": 1, "without_negatives": 0}
    assert set(mined.tuples[0, 2:].tolist()) == {9, 10, 11}
    assert mined.tuples[0, 2:5].tolist() == mined.tuples[0, 5:8].tolist()


@pytest.mark.parametrize("name", MINERS)
def test_a_query_without_any_negative_is_left_out_and_counted(name):
    rng = np.random.default_rng(0)
    truth, _, _, _ = line_city([0, 100], [0, 10, 20, 100])
    _, mined = mine(MINERS[name](2, negatives=2), truth, vectors(rng, 2), vectors(rng, 4))
    assert len(mined.tuples) == 2
    truth, _, _, _ = line_city([0], [0, 10, 20])
    _, mined = mine(MINERS[name](2, negatives=2), truth, vectors(rng, 1), vectors(rng, 3))
    assert (len(mined.tuples), mined.counts["without_negatives"]) == (0, 1)


@pytest.mark.parametrize("name", MINERS)
def test_small_data_needs_no_other_settings(name):
    """Field fault B4: 37 queries with the default 1000 a round, 50 database images with a pool of 1000."""
    truth, _, _, _ = line_city(np.arange(37) * 100, [*(np.arange(37) * 100 + 1), *range(5000, 5013)])
    rng = np.random.default_rng(0)
    _, mined = mine(MINERS[name](), truth, vectors(rng, 37), vectors(rng, 50))
    assert mined.tuples.shape == (37, 12)
    assert sorted(mined.tuples[:, 0].tolist()) == list(range(37))


@pytest.mark.parametrize("name", MINERS)
def test_same_seed_same_tuples(name):
    truth, _, q, d = line_city(np.arange(0, 2000, 50), np.arange(0, 2000, 7))
    rng = np.random.default_rng(0)
    queries, database = vectors(rng, len(q)), vectors(rng, len(d))
    first, again, other = (
        mine(MINERS[name](10, negatives=3), truth, queries, database, seed)[1].tuples for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 30), st.integers(1, 6))
def test_hardest_negatives_never_break_the_rules(seed, queries, pool_size, count):
    rng = np.random.default_rng(seed)
    database = vectors(rng, 30, 4)
    pool = np.sort(rng.choice(30, pool_size, replace=False))
    close = from_lists([np.flatnonzero(rng.random(30) < 0.3) for _ in range(queries)])
    asked = vectors(rng, queries, 4)
    chosen = hardest_negatives(asked, database, pool, close, count)
    for row in range(queries):
        allowed = np.setdiff1d(pool, close.of(row))
        distance = np.linalg.norm(database[allowed] - asked[row], axis=1)
        expected = allowed[np.argsort(distance)][:count].tolist()
        assert chosen[row].tolist() == expected + [-1] * (count - len(expected))


def test_fill_up_keeps_full_rows():
    rows, found = fill_up(np.array([[4, 5, 6]]))
    assert rows.tolist() == [[4, 5, 6]]
    assert found.tolist() == [3]


@pytest.mark.parametrize("name", MINERS)
def test_impossible_numbers_are_refused(name):
    with pytest.raises(ValueError, match="must be at least 1"):
        MINERS[name](queries_per_epoch=0)


def test_a_remembered_negative_that_is_drawn_again_is_taken_once():
    truth, _, _, d = line_city([0, 5000], [0, *range(100, 110), 5000])
    rng = np.random.default_rng(0)
    queries, database, miner = vectors(rng, 2), vectors(rng, len(d)), Full(2, negatives=4)  # the pool is all there is
    first, again = (mine(miner, truth, queries, database, seed)[1].tuples for seed in (0, 1))
    assert sorted(first.tolist()) == sorted(again.tolist())
    assert all(len(set(row.tolist())) == 4 for row in again[:, 2:])
