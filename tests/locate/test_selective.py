"""Reliability and selective answers: by hand, and against slow references."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from geoloc.locate.selective import (
    at_threshold,
    aurc,
    aurc_floor,
    brier,
    ece,
    recall_at_full_precision,
    reliability,
    risk_coverage,
)


def mean_risk(right):
    """Mean over n of the share of wrong ones among the first n: the definition of AURC for one order."""
    return np.mean([sum(not each for each in right[:n]) / n for n in range(1, len(right) + 1)])


def test_reliability_and_ece_by_hand():
    confidence = np.array([0.0, 0.05, 0.1, 0.95, 1.0])
    right = np.array([False, True, False, True, True])
    found = reliability(confidence, right)
    assert found.queries.tolist() == [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert found.confidence[[0, 1, 9]] == pytest.approx([0.025, 0.1, 0.975])
    assert found.right[[0, 1, 9]] == pytest.approx([0.5, 0.0, 1.0])
    assert np.isnan(found.right[5])
    assert ece(found) == pytest.approx((2 * 0.475 + 1 * 0.1 + 2 * 0.025) / 5)
    assert brier(confidence, right) == pytest.approx((0 + 0.95**2 + 0.01 + 0.05**2 + 0) / 5)


def test_aurc_by_hand():
    curve = risk_coverage(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, True]))
    assert aurc(curve) == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert aurc_floor(4, 1) == pytest.approx(1 / 4 / 4)
    assert aurc_floor(4, 0) == 0
    assert aurc_floor(4, 4) == 1


def test_queries_of_equal_confidence_count_as_the_mean_of_all_their_orders():
    confidence = np.array([0.9, 0.5, 0.5, 0.5, 0.2])
    right = np.array([True, True, False, False, True])
    orders = [[True, *(right[list(order)]), True] for order in permutations([1, 2, 3])]
    wanted = np.mean([mean_risk(order) for order in orders])
    for order in permutations(range(5)):
        shuffled = risk_coverage(confidence[list(order)], right[list(order)])
        assert aurc(shuffled) == pytest.approx(wanted)


def test_the_floor_is_the_best_of_all_orders():
    right = np.array([True, False, True, False, True])
    least = min(mean_risk(right[list(order)]) for order in permutations(range(5)))
    assert aurc_floor(5, 2) == pytest.approx(least)


@pytest.mark.parametrize(
    ("confidence", "right", "wanted"),
    [
        ([0.9, 0.8, 0.7, 0.6], [True, True, False, True], 0.5),
        ([0.9, 0.8, 0.8, 0.6], [True, True, False, True], 0.25),  # no threshold parts the two of 0.8
        ([0.9, 0.8], [False, True], 0.0),
        ([0.9, 0.8], [True, True], 1.0),
    ],
)
def test_recall_at_full_precision(confidence, right, wanted):
    assert recall_at_full_precision(risk_coverage(np.array(confidence), np.array(right))) == wanted


def test_at_threshold():
    curve = risk_coverage(np.array([0.9, 0.8, 0.8, 0.6]), np.array([True, True, False, False]))
    assert [at_threshold(curve, t) for t in (0.95, 0.9, 0.8, 0.7, 0.0)] == [(0, 0), (1, 0), (3, 1), (3, 1), (4, 2)]
