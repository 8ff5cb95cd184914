"""The vote for a position: by hand, against a slow reference, and what must always hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoloc.errors import InputError
from geoloc.locate.signals import SIGNALS, signals
from geoloc.locate.vote import vote, weights_of

FAR = 9000.0


def slow(positions, distances, radius):
    """One query, candidate by candidate, in plain Python."""
    ranked = sorted(distances)
    reach = ranked[-1] - ranked[0]
    weights = [math.exp(-3 * (d - ranked[0]) / reach) if reach else 1.0 for d in ranked]
    density = [
        sum(w * max(1 - (math.dist(a, b) / radius) ** 2, 0) for b, w in zip(positions, weights, strict=True))
        for a in positions
    ]
    mode = positions[max(range(len(density)), key=lambda c: (round(density[c], 9), -c))]
    own = [w**4 if math.dist(p, mode) <= radius else 0.0 for p, w in zip(positions, weights, strict=True)]
    xy = [sum(w * p[axis] for p, w in zip(positions, own, strict=True)) / sum(own) for axis in range(len(mode))]
    near = [(w, math.dist(p, xy)) for p, w in zip(positions, weights, strict=True) if math.dist(p, xy) <= radius]
    total = sum(w for w, _ in near)
    spread = math.sqrt(sum(w * d * d for w, d in near) / total) if total else 0.0
    return xy, total / sum(weights), spread


@pytest.mark.parametrize("axes", [2, 3])
def test_it_is_what_the_slow_reference_finds(axes):
    rng = np.random.default_rng(axes)
    positions = rng.normal(0, 30, (60, 12, axes)) + 4_000_000
    distances = rng.uniform(0.5, 1, (60, 12))
    found = vote(positions, distances, 25.0)
    for query in range(60):
        xy, support, spread = slow(positions[query].tolist(), distances[query].tolist(), 25.0)
        assert found.xy[query] == pytest.approx(xy, abs=1e-5)
        assert found.support[query] == pytest.approx(support, abs=1e-9)
        assert found.spread[query] == pytest.approx(spread, abs=1e-5)


def test_several_candidates_outvote_a_first_one_that_stands_alone():
    positions = np.array([[[FAR, 0], [0, 0], [10, 0], [0, 10.0]]])
    found = vote(positions, np.array([[0.5, 0.51, 0.51, 1.0]]), 25.0)
    # Weights 1, exp(-.06), exp(-.06), exp(-3); in the mean these to the fourth, relative to the greatest there.
    last = math.exp(-4 * (3 - 0.06))
    assert found.xy[0] == pytest.approx([10 / (2 + last), 10 * last / (2 + last)])
    there = 2 * math.exp(-0.06) + math.exp(-3)
    assert found.support[0] == pytest.approx(there / (1 + there))


def test_two_far_clusters_are_never_averaged_and_of_equal_ones_the_first_wins():
    positions = np.array([[[0, 0], [FAR, 0], [0, 4], [FAR, 4.0]]])
    found = vote(positions, np.full((1, 4), 0.7), 25.0)
    assert found.xy.tolist() == [[0.0, 2.0]]
    assert found.support.tolist() == [0.5]
    assert found.spread.tolist() == [2.0]


def test_after_post_processing_the_final_order_counts():
    """The first candidate has the greatest distance, and still weighs most."""
    assert weights_of(np.array([[0.9, 0.5, 0.6]])).tolist() == weights_of(np.array([[0.5, 0.6, 0.9]])).tolist()
    positions = np.array([[[0, 0], [FAR, 0], [FAR, FAR]]])
    assert vote(positions, np.array([[0.9, 0.5, 0.6]]), 25.0).xy.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("distances", [[0.0, 0.0, 0.0], [0.0, 0.3, 0.9], [0.4, 0.4, 0.4]])
def test_zero_and_equal_distances_and_one_place(distances):
    positions, distances = np.full((2, 3, 2), 5e6), np.array([distances] * 2)
    found = vote(positions, distances, 25.0)
    assert found.xy.tolist() == [[5e6, 5e6]] * 2
    assert found.support == pytest.approx([1, 1])
    assert found.spread.tolist() == [0.0, 0.0]
    told = signals(found, positions, distances, 25.0)
    assert told.shape == (2, len(SIGNALS))
    assert np.isfinite(told).all()


def test_one_candidate_and_no_query():
    one = vote(np.array([[[7.0, 8.0]]]), np.array([[0.3]]), 25.0)
    assert (one.xy.tolist(), one.support.tolist(), one.spread.tolist()) == ([[7.0, 8.0]], [1.0], [0.0])
    none = vote(np.empty((0, 5, 3)), np.empty((0, 5)), 25.0)
    assert none.xy.shape == (0, 3)
    assert signals(none, np.empty((0, 5, 3)), np.empty((0, 5)), 25.0).shape == (0, len(SIGNALS))


def test_neither_scale_of_descriptors_nor_place_on_earth_matters():
    rng = np.random.default_rng(0)
    positions, distances = rng.normal(0, 40, (30, 20, 2)), rng.uniform(0.5, 1, (30, 20))
    here, there = vote(positions, distances, 25.0), vote(positions + 3e6, 7 * distances, 25.0)
    assert there.xy - 3e6 == pytest.approx(here.xy, abs=1e-6)
    assert signals(there, positions + 3e6, 7 * distances, 25.0) == pytest.approx(
        signals(here, positions, distances, 25.0), abs=1e-6
    )


@given(st.integers(1, 12), st.integers(0, 10_000))
def test_a_vote_stays_within_the_radius_of_a_candidate(k, seed):
    rng = np.random.default_rng(seed)
    positions, distances = rng.uniform(0, 100, (8, k, 2)), rng.choice([0.0, 0.5, 0.7, 1.0], (8, k))
    found = vote(positions, distances, 25.0)
    assert (np.linalg.norm(positions - found.xy[:, None], axis=2).min(axis=1) <= 25 + 1e-9).all()
    assert ((found.support >= 0) & (found.support <= 1 + 1e-12)).all()
    assert (found.spread <= 25 + 1e-9).all()


def test_signals_by_hand():
    positions = np.array([[[0, 0], [10, 0], [900.0, 0]]])
    distances = np.array([[0.4, 0.6, 0.8]])
    support, ratio, gap = signals(vote(positions, distances, 25.0), positions, distances, 25.0)[0]
    assert support == pytest.approx((1 + math.exp(-1.5)) / (1 + math.exp(-1.5) + math.exp(-3)))
    assert ratio == pytest.approx(0.4 / 0.8)
    assert gap == pytest.approx(0.4 / 0.6)


@pytest.mark.parametrize(
    ("positions", "distances", "radius", "said"),
    [
        (np.zeros((2, 0, 2)), np.zeros((2, 0)), 25.0, "at least one candidate"),
        (np.zeros((2, 3, 2)), np.zeros((2, 4)), 25.0, r"must be \(2, 3\)"),
        (np.zeros((2, 3, 2)), np.zeros((2, 3)), 0.0, "radius must be metres, above 0"),
    ],
)
def test_refusals(positions, distances, radius, said):
    with pytest.raises(InputError, match=said):
        vote(positions, distances, radius)
