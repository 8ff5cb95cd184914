"""Expected errors are medians that do not contradict the confidence."""

import numpy as np
import pytest

from geoloc.locate.expected import error_table, expected_error


def test_a_row_is_the_median_of_twenty_and_never_rises():
    """Worked out by hand: blocks of 20 with medians 500, 8, 30, 4; the second and third become the median of the 40."""
    rng = np.random.default_rng(0)
    parts = [np.full(20, 500.0), np.array([8.0] * 12 + [2000.0] * 8), np.array([30.0] * 20), np.full(20, 4.0)]
    confidence = np.arange(80) / 80
    shuffled = rng.permutation(80)
    table = error_table(confidence[shuffled], np.concatenate(parts)[shuffled], 30.0)
    assert table[:, 0].tolist() == pytest.approx([9.5 / 80, 29.5 / 80, 0.5, 49.5 / 80, 69.5 / 80])
    assert table[:, 1].tolist() == [500, 30, 30, 30, 4]
    nearer, farther = (error_table(confidence, np.concatenate(parts), radius)[:, 1].tolist() for radius in (25, 600))
    assert nearer == [500, 30, 25, 25, 4]  # more than half of the third block are said to lie within 25 m
    assert farther == [600, 600, 600, 30, 4]


def test_it_is_the_best_never_rising_fit_by_absolute_differences():
    """Against a dynamic programme over all never rising sequences of values that occur."""
    rng = np.random.default_rng(1)
    for _ in range(5):
        confidence, errors = np.sort(rng.uniform(0, 0.5, 120)), rng.lognormal(3, 2, 120)
        table = error_table(confidence, errors, 0.0)[:-1]
        assert (np.diff(table[:, 1]) <= 0).all()
        parts = np.array_split(errors, 6)
        cost = sum(np.abs(part - row).sum() for part, row in zip(parts, table[:, 1], strict=True))
        values = np.sort(errors)[::-1]
        best = np.zeros(len(values))  # of a sequence whose last value is this one, or a larger one
        for part in parts:
            here = np.abs(part[:, None] - values).sum(axis=0)
            best = np.minimum.accumulate(best) + here
        assert cost == pytest.approx(best.min())


def test_a_confidence_above_a_half_goes_with_an_error_within_the_radius():
    """Where confidences are what they say: more than half of a block within 25 m is a median within 25 m."""
    rng = np.random.default_rng(2)
    confidence = rng.random(4000)
    right = rng.random(4000) < confidence
    errors = np.where(right, rng.uniform(1, 25, 4000), rng.lognormal(7, 1, 4000))
    told = expected_error(error_table(confidence, errors, 25.0), np.array([0.3, 0.6, 0.73, 0.95]))
    assert told[0] > 100
    assert (told[1:] < 25).all()


def test_chance_among_few_queries_does_not_contradict_the_confidence():
    """A straight line from the row of 0.4 to that of 0.65 says 150 m at 0.5, and so many lie within 25 m."""
    confidence = np.repeat([0.4, 0.65], 20)
    errors = np.r_[np.full(8, 5.0), np.full(12, 1000.0), np.full(13, 10.0), np.full(7, 2000.0)]
    table = error_table(confidence, errors, 25.0)
    assert expected_error(table, np.array([0.4, 0.5, 0.65])) == pytest.approx([1000, 25, 10])
    for seed in range(20):
        rng = np.random.default_rng(seed)
        confidence = rng.beta(2, 2, 60)
        errors = np.where(rng.random(60) < confidence, rng.uniform(0, 25, 60), rng.lognormal(7, 1, 60))
        asked = np.linspace(0, 1, 101)
        told = expected_error(error_table(confidence, errors, 25.0), asked)
        assert (np.diff(told) <= 1e-9).all()
        assert told[asked < 0.5].min() > 25 - 1e-9
        assert told[asked > 0.5].max() < 25 + 1e-9


def test_no_error_at_all_can_be_told():
    assert expected_error(error_table(np.array([0.6, 0.9]), np.zeros(2), 25.0), np.array([0.8])) == pytest.approx(
        [0.01]
    )
