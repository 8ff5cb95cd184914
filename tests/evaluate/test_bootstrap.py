import numpy as np
import pytest
from scipy.stats import binom

from geoloc.errors import InputError
from geoloc.evaluate.bootstrap import CELLS, paired_intervals, recall_intervals, resample


def random_hits(rng, queries, n):
    """Right within N and ever after, as recall is."""
    return np.logical_or.accumulate(rng.random((queries, n)) < 0.3, axis=1)


def loop_samples(outcomes, resamples, seed):
    """Draw query after query, as Efron puts it."""
    rng = np.random.default_rng(seed)
    samples = []
    for _ in range(resamples):
        rows = rng.integers(0, len(outcomes), len(outcomes))
        samples.append([sum(float(outcomes[row, column]) for row in rows) for column in range(outcomes.shape[1])])
    return np.array(samples) / len(outcomes)


@pytest.mark.parametrize(("right", "queries"), [(1, 10), (30, 40), (150, 1000)])
def test_one_interval_lies_between_quantiles_of_the_binomial(right, queries):
    """A sample's number of right queries is binomial; 40,000 of them place its quantiles to one query."""
    hits = np.arange(queries)[:, None] < right
    low, high = recall_intervals(hits, resamples=40_000)[0] * queries / 100
    assert low == pytest.approx(binom.ppf(0.025, queries, right / queries), abs=1)
    assert high == pytest.approx(binom.ppf(0.975, queries, right / queries), abs=1)


def test_two_queries_by_hand():
    """One of two right: samples have 0, 1, 2 right in 1/4, 1/2, 1/4 of the cases."""
    hits = np.array([[True], [False]])
    assert recall_intervals(hits, confidence=0.9).tolist() == [[0, 100]]
    assert recall_intervals(hits, confidence=0.4).tolist() == [[50, 50]]
    shares = np.unique(resample(hits, 10_000, 0), return_counts=True)
    assert shares[0].tolist() == [0, 0.5, 1]
    assert shares[1] / 10_000 == pytest.approx([0.25, 0.5, 0.25], abs=0.02)


def test_samples_spread_and_hang_together_as_those_of_a_loop():
    """Means and covariances of 4,000 samples: all N of one sample rest on the same queries."""
    outcomes = random_hits(np.random.default_rng(3), 30, 3)
    fast, slow = resample(outcomes, 4000, 1), loop_samples(outcomes, 4000, 2)
    assert fast.shape == slow.shape
    assert fast.mean(axis=0) == pytest.approx(slow.mean(axis=0), abs=0.008)
    assert np.cov(fast.T) == pytest.approx(np.cov(slow.T), abs=0.0008)
    assert np.cov(fast.T) == pytest.approx(np.cov(outcomes.T, ddof=0) / 30, abs=0.0006)
    assert np.cov(fast.T)[0, 1] > 0.002  # independent columns would have 0
    assert (np.diff(fast, axis=1) >= 0).all()  # as in every real set of queries


def test_intervals_are_those_of_a_loop():
    rng = np.random.default_rng(5)
    before, after = random_hits(rng, 40, 2), random_hits(rng, 40, 2)
    ends = np.quantile(loop_samples(before, 4000, 1), [0.05, 0.95], axis=0).T * 100
    assert recall_intervals(before, confidence=0.9) == pytest.approx(ends, abs=2.51)  # one query is 2.5 points
    ends = np.quantile(loop_samples(after * 1 - before * 1, 4000, 1), [0.05, 0.95], axis=0).T * 100
    found = paired_intervals(before, after, confidence=0.9)
    assert found[:, 1:] == pytest.approx(ends, abs=2.51)
    assert found[:, 0] == pytest.approx(100 * (after.mean(axis=0) - before.mean(axis=0)))


def test_pairs_are_narrower_than_two_samples_apart():
    """500 of 1000 right before, the same and 20 more after: 2 points, standard error sqrt(0.02 * 0.98 / 1000) = 0.443.

    The difference of two unpaired samples of 1000 would have 2.2 points of standard error.
    """
    before, after = np.arange(1000)[:, None] < 500, np.arange(1000)[:, None] < 520
    difference, low, high = paired_intervals(before, after)[0]
    assert difference == pytest.approx(2)
    assert low == pytest.approx(2 - 1.96 * 0.443, abs=0.15)
    assert high == pytest.approx(2 + 1.96 * 0.443, abs=0.15)
    assert paired_intervals(after, before)[0] == pytest.approx([-2, -high, -low], abs=0.15)


def test_certain_outcomes_collapse():
    yes, no = np.ones((7, 2), bool), np.zeros((7, 2), bool)
    assert recall_intervals(yes).tolist() == [[100, 100]] * 2
    assert recall_intervals(no).tolist() == [[0, 0]] * 2
    assert paired_intervals(no, yes).tolist() == [[100, 100, 100]] * 2
    some = random_hits(np.random.default_rng(0), 20, 2)
    assert paired_intervals(some, some).tolist() == [[0, 0, 0]] * 2


def test_seed_decides_and_blocks_do_not(monkeypatch):
    hits = random_hits(np.random.default_rng(1), 200, 5)
    whole = resample(hits, 500, 0)
    assert (resample(hits, 500, 0) == whole).all()
    assert (resample(hits, 500, 1) != whole).any()
    monkeypatch.setattr("geoloc.evaluate.bootstrap.CELLS", 100)  # 16 samples at once
    assert CELLS > 500 * 6
    assert (resample(hits, 500, 0) == whole).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((np.zeros((0, 2), bool),), "at least one query"),
        ((np.zeros(3, bool),), "must be \\(Q, n\\)"),
        ((np.zeros((3, 1), bool), 95), "between 0 and 1, such as 0.95, not 95"),
        ((np.zeros((3, 1), bool), 0.95, 0), "resamples must be at least 1, not 0"),
    ],
)
def test_wrong_arguments(arguments, said):
    with pytest.raises(InputError, match=said):
        recall_intervals(*arguments)


def test_pairs_must_match():
    with pytest.raises(InputError, match="same queries and N"):
        paired_intervals(np.zeros((3, 1), bool), np.zeros((4, 1), bool))
