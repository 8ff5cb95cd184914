from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geoloc.errors import InputError
from geoloc.places import Neighbours, PlaceSet, from_lists, positives_within


def places(xy, names=None, **kwargs):
    xy = np.array(xy, dtype=np.float64)
    names = np.array(names if names is not None else [f"{i}.jpg" for i in range(len(xy))])
    return PlaceSet(Path("set"), names, xy, **kwargs)


def test_degrees_in_the_metre_fields_are_refused():
    with pytest.raises(InputError, match=r"0\.jpg.*\(45\.07, 7\.68\) looks like latitude and longitude"):
        places([[45.07, 7.68], [45.11, 7.70]])


def test_northing_before_easting_is_refused():
    with pytest.raises(InputError, match="looks like northing before easting"):
        places([[4_476_000, 584_000]])


def test_out_of_range_is_refused_but_allowed_in_a_local_frame():
    with pytest.raises(InputError, match=r"lies outside UTM.*coordinates=local"):
        places([[50, 4_000_000]])
    assert len(places([[50, 4_000_000]], coordinates="local")) == 1


def test_not_a_number_is_refused_with_the_names():
    with pytest.raises(InputError, match=r"1\.jpg, 2\.jpg: position is not a finite number"):
        places([[500_000, 1.0], [np.nan, 1.0], [np.inf, 1.0]])


def test_empty_and_repeated_names_are_refused():
    with pytest.raises(InputError, match="no images"):
        places(np.empty((0, 2)))
    with pytest.raises(InputError, match="listed twice"):
        places([[500_000, 1.0], [500_001, 1.0]], names=["a.jpg", "a.jpg"])


def test_select_keeps_everything_aligned():
    some = places([[500_000, 1], [500_010, 2], [500_020, 3]], notes=np.array(["day", "", "night"]))
    picked = some.select(np.array([2, 0]))
    assert picked.names.tolist() == ["2.jpg", "0.jpg"]
    assert picked.xy.tolist() == [[500_020, 3], [500_000, 1]]
    assert picked.notes.tolist() == ["night", "day"]
    zoned = places([[500_000, 1], [500_010, 2]], zones=np.array(["17 north", "18 north"]), groups=np.array(["a", "b"]))
    assert (zoned.select(np.array([1])).zones.tolist(), zoned.select(np.array([1])).groups.tolist()) == (
        ["18 north"],
        ["b"],
    )


def test_positives_by_hand():
    database = np.array([[0.0, 0], [25, 0], [25.01, 0], [0, -24]])
    near = positives_within(np.array([[0.0, 0], [1000, 0]]), database, 25)
    assert near.of(0).tolist() == [0, 1, 3]
    assert near.of(1).tolist() == []
    assert near.counts.tolist() == [3, 0]


@settings(max_examples=50, deadline=None)
@given(
    arrays(np.float64, st.tuples(st.integers(1, 20), st.just(2)), elements=st.integers(0, 60)),
    arrays(np.float64, st.tuples(st.integers(1, 20), st.just(2)), elements=st.integers(0, 60)),
    st.integers(1, 30),
)
def test_positives_equal_brute_force(queries, database, radius):
    near = positives_within(queries, database, radius)
    for q in range(len(queries)):
        square = ((database - queries[q]) ** 2).sum(axis=1)  # whole numbers, so the border is exact
        assert near.of(q).tolist() == np.flatnonzero(square <= radius**2).tolist()


def test_neighbours_select_and_keep():
    near = from_lists([np.array([1, 5]), np.array([], int), np.array([2])])
    assert near.select(np.array([2, 0])).of(1).tolist() == [1, 5]
    kept = near.keep(np.array([False, True, True]))
    assert [kept.of(q).tolist() for q in range(3)] == [[5], [], [2]]
    queries, rows = near.pairs()
    assert queries.tolist() == [0, 0, 2]
    assert rows.tolist() == [1, 5, 2]
    assert len(Neighbours(np.array([0]), np.empty(0, np.int64))) == 0
