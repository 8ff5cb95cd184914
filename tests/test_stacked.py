"""Rows of several arrays as one: whatever is asked of it, it answers as one array of the same rows would."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc.index.exact import Exact
from geoloc.mapped import forget
from geoloc.stacked import Stacked


def stacked(seed: int, parts: int, dtype="float32", dim=3) -> tuple[Stacked, np.ndarray]:
    """One of random parts, some of them without some of their rows, and the one array that it stands for."""
    rng = np.random.default_rng(seed)
    pieces, flat = [], [np.empty((0, dim), dtype)]
    for _ in range(parts):
        array = rng.normal(size=(int(rng.integers(0, 7)), dim)).astype(dtype)
        rows = np.flatnonzero(rng.random(len(array)) < 0.6) if rng.random() < 0.5 else None
        pieces.append((array, rows))
        flat.append(array if rows is None else array[rows])
    return Stacked(pieces, dim, dtype), np.concatenate(flat)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 10_000), st.integers(0, 5), st.integers(-25, 25), st.integers(-25, 25), st.sampled_from([1, 2, -1])
)
def test_it_is_indexed_like_one_array(seed, parts, first, last, step):
    both, flat = stacked(seed, parts)
    assert both.shape == flat.shape
    assert len(both) == len(flat)
    assert both.nbytes == flat.nbytes
    assert np.array_equal(both[first:last:step], flat[first:last:step])
    assert np.array_equal(np.asarray(both), flat)
    rows = (
        np.random.default_rng(seed).integers(-len(flat), max(len(flat), 1), (2, 4))
        if len(flat)
        else np.empty((2, 0), int)
    )
    assert np.array_equal(both[rows], flat[rows])
    mask = np.random.default_rng(seed).random(len(flat)) < 0.5
    assert np.array_equal(both[mask], flat[mask])
    if len(flat):
        assert np.array_equal(both[first % len(flat)], flat[first % len(flat)])


def test_rows_beyond_the_last_are_refused():
    both, flat = stacked(3, 4)
    for row in (len(flat), -len(flat) - 1):
        with pytest.raises(IndexError):
            both[np.array([0, row])]


def test_a_slice_within_a_part_is_no_copy():
    array = np.arange(12.0, dtype=np.float32).reshape(4, 3)
    both = Stacked([(array, None), (array + 1, None)], 3, "float32")
    assert np.shares_memory(both[1:3], array)
    assert not np.shares_memory(both[1:5], array)


def test_stacks_may_be_stacked():
    first, flat = stacked(1, 3)
    both = Stacked([(first, None), (flat, np.array([0, 2]))], 3, "float32")
    assert np.array_equal(np.asarray(both), np.concatenate([flat, flat[[0, 2]]]))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("block", [1, 5, 8192])
def test_the_search_in_it_is_that_in_one_array_to_the_last_bit(dtype, block):
    both, flat = stacked(7, 30, dtype, dim=8)
    flat[5] = flat[40]  # a tie; the parts are other memory, so theirs is made too
    part = int(np.searchsorted(both.starts, 5, side="right") - 1)
    array, rows = both.parts[part]
    inside = 5 - both.starts[part]
    array[inside if rows is None else rows[inside]] = flat[40]
    queries = np.concatenate([flat[[40, 3]], np.random.default_rng(0).normal(size=(9, 8))]).astype(np.float32)
    one, other = Exact(block).search(flat, queries, 12), Exact(block).search(both, queries, 12)
    assert np.array_equal(one.ids, other.ids)
    assert one.ids[0, :2].tolist() == [5, 40]
    assert np.array_equal(one.distances, other.distances)


def test_memory_of_mapped_parts_is_given_back(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((4, 3), np.float32))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    both = Stacked([(mapped, None), (np.zeros((1, 3), np.float32), None)], 3, "float32")
    forget(both)
    assert np.asarray(both).sum() == 12
