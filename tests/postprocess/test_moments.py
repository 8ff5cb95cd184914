"""Which queries follow each other, from their names or times."""

from __future__ import annotations

import numpy as np
import pytest

from geoloc.errors import InputError
from geoloc.postprocess.moments import sequences


def by_name(*names):
    return [(taken.rows.tolist(), taken.at.tolist()) for taken in sequences(np.array(names), np.array([]), "name", 60)]


def by_time(names, times, gap=60.0):
    found = sequences(np.array(names), np.array(times), "time", gap)
    return [(taken.rows.tolist(), (taken.at - taken.at[0]).tolist()) for taken in found]


def test_the_last_number_says_when_and_the_rest_with_whom():
    assert by_name("a/f10.jpg", "a/f9.jpg", "b/f11.jpg", "a/g1_left.jpg", "a/g3_left.jpg", "a/g2_right.jpg") == [
        ([1, 0], [9, 10]),
        ([2], [11]),
        ([3, 4], [1, 3]),
        ([5], [2]),
    ]


def test_queries_of_one_number_keep_their_order_and_names_without_one_stand_alone():
    assert by_name("f7.jpg", "f7.png", "f6.jpg", "here.jpg", "there.jpg") == [
        ([2, 0, 1], [6, 7, 7]),
        ([3], [0]),
        ([4], [0]),
    ]


def test_a_time_of_day_after_a_date_counts_in_seconds():
    """13:59:58, 14:00:00 and 14:01:00.250; as decimal numbers they were 4042 and 100 apart."""
    names = ["IMG_20240601_140000.jpg", "IMG_20240601_135958.jpg", "IMG_20240601_140100250.jpg"]
    assert by_name(*names) == [([1, 0, 2], [50398, 50400, 50460.25])]
    assert by_name("20240601-000000.jpg", "20240601T000001.jpg") == [([0], [0]), ([1], [1])]
    assert by_name("20240601000000.jpg", "20240601000100.jpg", "20240602000000.jpg") == [([0, 1], [0, 60]), ([2], [0])]


@pytest.mark.parametrize("name", ["f20240601_{}", "20240699_140000_{}", "20240601_2500{}", "1695480000{}"])
def test_other_numbers_stay_numbers(name):
    ((rows, (first, second)),) = by_name(name.format("08.jpg"), name.format("07.jpg"))
    assert (rows, first % 100, second - first) == ([1, 0], 7, 1)


def test_positions_in_a_name_say_nothing():
    """Two photos in the order of their places are no sequence; their own ids count."""
    layout = "@{}@4000000.00@17@T@@@{}@@@@@@@@.jpg"
    assert by_name(layout.format("0500000.00", ""), layout.format("0500010.00", "")) == [([0], [0]), ([1], [0])]
    assert by_name(layout.format("0500000.00", "x8"), layout.format("0500010.00", "x3")) == [([1, 0], [3, 8])]


def test_times_part_at_gaps_and_folders():
    names = ["a/1.jpg", "a/2.jpg", "a/3.jpg", "b/4.jpg", "a/5.jpg"]
    times = ["2024-06-01T12:00:30", "2024-06-01T12:00:00", "2024-06-01T12:03:00", "2024-06-01T12:00:10"]
    times.append("2024-06-01T14:04:00+02:00")
    assert by_time(names, times) == [([1, 0], [0, 30]), ([2, 4], [0, 60]), ([3], [0])]
    assert by_time(names, times, gap=59) == [([1, 0], [0, 30]), ([2], [0]), ([4], [0]), ([3], [0])]


@pytest.mark.parametrize("time", ["", "2024-06-01", "2024-06-01T12:00"])
def test_times_that_are_not_exact_are_refused(time):
    with pytest.raises(InputError) as caught:
        by_time(["a.jpg", "b.jpg"], ["2024-06-01T12:00:30", time])
    assert "sequence.order=time: 1 of 2 queries have no time down to the second (b.jpg)" in str(caught.value)
