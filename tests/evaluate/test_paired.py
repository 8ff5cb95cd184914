import math

import numpy as np
import pytest

from geoloc.evaluate.paired import mean_interval, paired_difference

# Student's t has closed quantiles for 1 and 2 degrees of freedom: tan(pi (p - 1/2)) and a root.
T1 = math.tan(math.pi * 0.475)
T2 = 0.95 * math.sqrt(2 / (4 * 0.975 * 0.025))


def test_the_closed_quantiles_are_those_of_the_printed_tables():
    assert (round(T1, 3), round(T2, 3)) == (12.706, 4.303)


def test_paired_difference_by_hand():
    """Differences 1, 2, 3: mean 2, standard deviation 1."""
    found = paired_difference(np.array([2.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0]))
    half = T2 / math.sqrt(3)
    assert (found.n, found.mean) == (3, pytest.approx(2))
    assert (found.low, found.high) == (pytest.approx(2 - half), pytest.approx(2 + half))


def test_interval_of_two_values_by_hand():
    """40 and 50: standard deviation 10 / sqrt(2), so its standard error is 5."""
    found = mean_interval(np.array([40.0, 50.0]))
    assert (found.mean, found.low, found.high) == pytest.approx((45, 45 - 5 * T1, 45 + 5 * T1))


def test_less_confidence_is_a_narrower_interval():
    """t of 1 degree of freedom at 50 % is tan(pi / 4) = 1."""
    found = mean_interval(np.array([40.0, 50.0]), confidence=0.5)
    assert (found.low, found.high) == pytest.approx((40, 50))


def test_equal_differences_leave_no_doubt():
    found = paired_difference(np.array([11.0, 25.0, 60.0]), np.array([10.0, 24.0, 59.0]))
    assert (found.mean, found.low, found.high) == (1, 1, 1)


def test_one_value_has_no_interval_and_none_has_no_mean():
    one, none = mean_interval(np.array([7.0])), mean_interval(np.array([]))
    assert (one.n, one.mean, none.n) == (1, 7, 0)
    assert all(math.isnan(value) for value in (one.low, one.high, none.mean, none.low, none.high))


def test_pairs_must_match():
    with pytest.raises(ValueError, match="as many values as baselines, not 2 and 3"):
        paired_difference(np.ones(2), np.ones(3))
