"""Pairs of views by day and night: one camera, one traffic, and streets that no split of any city has."""

import numpy as np
import pytest

from geoloc.data.demo_city import picture, shoot
from geoloc.data.demo_city.pairs import pairs_plan, render_pairs
from geoloc.data.demo_city.plan import default_plan, find_site, generator

PLAN = pairs_plan(pairs=2, rows=48, columns=64)


@pytest.fixture(scope="module")
def pairs():
    return list(render_pairs(PLAN, seed=0, street=1))


def test_pairs_are_pictures_and_repeatable(pairs):
    again = list(render_pairs(PLAN, seed=0, street=1))
    assert len(pairs) == 2
    for pair, other in zip(pairs, again, strict=True):
        assert pair.day.shape == pair.night.shape == (48, 64, 3)
        assert np.array_equal(pair.day, other.day)
        assert np.array_equal(pair.night, other.night)
        assert pair.night.mean() < 0.6 * pair.day.mean()
    assert not np.array_equal(pairs[0].day, pairs[1].day)


def test_both_pictures_share_camera_street_and_traffic(monkeypatch):
    seen = []

    def watch(rng, street, visit, camera, weather, sensor, night=None):
        seen.append((camera, id(street), visit, night is not None))
        return picture.take_picture(rng, street, visit, camera, weather, sensor, night)

    monkeypatch.setattr(shoot, "take_picture", watch)
    list(render_pairs(PLAN, seed=0, street=1))
    assert [dark for *_, dark in seen] == [False, True, False, True]
    for day, night in (seen[:2], seen[2:]):
        assert day[:2] == night[:2]
        assert day[2] is night[2]
    assert seen[0][0] != seen[2][0]


def test_other_streets_and_seeds_differ(pairs):
    for seed, street in ((0, 2), (1, 1)):
        assert not np.array_equal(next(render_pairs(PLAN, seed, street)).day, pairs[0].day)


def test_no_street_of_a_city_is_among_the_pairs():
    """Streets are built from (seed, split, street), and pairs have a split that no city has: no seed can coincide."""
    city = default_plan(1)
    assert len(city.splits) == 3
    drawn = {
        generator(seed, find_site(city, seed, split, street), "street").integers(2**62)
        for seed in range(4)
        for split in range(3)
        for street in range(10)
    }
    mine = {
        generator(seed, find_site(PLAN, seed, len(PLAN.splits) - 1, street), "street").integers(2**62)
        for seed in range(4)
        for street in range(10)
    }
    assert len(drawn) == 120
    assert len(mine) == 40
    assert not drawn & mine


def test_the_split_of_pairs_is_the_one_that_is_rendered(monkeypatch):
    built = []

    def stop(rng, district, half_length):
        built.append(rng.integers(2**62))
        raise StopIteration

    monkeypatch.setattr("geoloc.data.demo_city.pairs.build_street", stop)
    with pytest.raises(RuntimeError):
        next(render_pairs(PLAN, seed=5, street=7))
    assert built == [np.random.default_rng([5, 3, 7, 1]).integers(2**62)]
