import time

import numpy as np
import pytest

from geoloc.data.check.alike import Alike, close_pairs, distance


def bits_between(first: int, second: int) -> int:
    return bin(first ^ second).count("1")


def clustered(count: int, seed: int) -> np.ndarray:
    """Different hashes, many of which differ in few bits from another."""
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 1 << 63, count // 4, dtype=np.uint64)
    flips = rng.integers(0, 64, (count, 2)).astype(np.uint64)
    looks = base[rng.integers(0, len(base), count)]
    for column in range(2):
        looks = looks ^ (np.uint64(1) << flips[:, column])
    return np.unique(looks)


def test_distance_is_the_number_of_bits():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 1 << 63, (2, 50), dtype=np.uint64)
    wanted = [bits_between(a, b) for a, b in zip(first.tolist(), second.tolist(), strict=True)]
    assert distance(first, second).tolist() == wanted


@pytest.mark.parametrize("seed", range(3))
def test_all_close_pairs_are_found_and_no_others(seed):
    looks = clustered(300, seed)
    values = looks.tolist()
    wanted = [
        [a, b] for a in range(len(values)) for b in range(a + 1, len(values)) if bits_between(values[a], values[b]) <= 3
    ]
    assert len(wanted) > 20
    assert close_pairs(looks).tolist() == wanted


def test_no_hash_no_pair():
    assert close_pairs(np.empty(0, np.uint64)).shape == (0, 2)


def test_a_hundred_thousand_in_seconds():
    looks = clustered(100_000, 0)
    start = time.monotonic()
    pairs = close_pairs(looks)
    assert time.monotonic() - start < 20
    assert (distance(looks[pairs[:, 0]], looks[pairs[:, 1]]) <= 3).all()


def test_partners_by_a_slow_search():
    rng = np.random.default_rng(5)
    looks = clustered(60, 1)[rng.integers(0, 30, 80)]
    contents = np.where(rng.random(80) < 0.3, looks.astype(np.int64) % 1000, 5000 + np.arange(80))
    told = rng.random(80) < 0.8
    told = np.array([told[np.flatnonzero(contents == content)[0]] for content in contents])  # one file, one look
    first, second = np.arange(0, 50), np.arange(20, 80)
    found = Alike(looks, told, contents).partners(first, second)
    assert (found >= 0).any()
    assert (found < 0).any()
    for photo, partner in zip(first.tolist(), found.tolist(), strict=True):
        wanted = [
            other
            for other in second.tolist()
            if told[photo]
            and told[other]
            and contents[photo] != contents[other]
            and bits_between(int(looks[photo]), int(looks[other])) <= 3
        ]
        assert partner in wanted if wanted else partner == -1
