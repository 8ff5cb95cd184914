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
    table = error_table(confidence[shuffled], np.concatenate(parts)[shuffled])
    assert table[:, 0].tolist() == pytest.approx([(20 * part + 9.5) / 80 for part in range(4)])
    assert table[:, 1].tolist() == [500, 30, 30, 4]


def test_it_is_the_best_never_rising_fit_by_absolute_differences():
    """Against a dynamic programme over all never rising sequences of values that occur."""
    rng = np.random.default_rng(1)
    for _ in range(5):
        confidence, errors = np.sort(rng.random(120)), rng.lognormal(3, 2, 120)
        table = error_table(confidence, errors)
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
    told = expected_error(error_table(confidence, errors), np.array([0.3, 0.6, 0.73, 0.95]))
    assert told[0] > 100
    assert (told[1:] < 25).all()


def test_no_error_at_all_can_be_told():
    assert expected_error(error_table(np.array([0.5, 0.9]), np.zeros(2)), np.array([0.7])) == pytest.approx([0.01])
