from pathlib import Path

import numpy as np
import pytest

from geoloc.data.prepare.plan import Photo, relative_path


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "@0584000.50@4476000.00@@@@@@@@@@@@@.jpg"),
        ({"zone": "7"}, "@0584000.50@4476000.00@07@@@@@@@@@@@@.jpg"),
        ({"lat": 40.4, "lon": -80.1}, "@0584000.50@4476000.00@@@040.40000@-080.10000@@@@@@@@@.jpg"),
        ({"lat": -3.5, "lon": 7.25}, "@0584000.50@4476000.00@@@-03.50000@0007.25000@@@@@@@@@.jpg"),
        ({"heading": 359.7}, "@0584000.50@4476000.00@@@@@@@000@@@@@@.jpg"),
        ({"heading": -90}, "@0584000.50@4476000.00@@@@@@@270@@@@@@.jpg"),
        ({"pitch": 4, "roll": 0.5, "height": 12}, "@0584000.50@4476000.00@@@@@@@@004@0.5@12@@@.jpg"),
        ({"pano": "a@b/c d", "tile": "07"}, "@0584000.50@4476000.00@@@@@a-b-c-d@07@@@@@@@.jpg"),
        (
            {"time": "20140905_2130", "note": "night_cph"},
            "@0584000.50@4476000.00@@@@@@@@@@@20140905_2130@night_cph@.jpg",
        ),
        ({"subfolder": "a/b"}, "a-b/@0584000.50@4476000.00@@@@@@@@@@@@@.jpg"),
    ],
)
def test_names(fields, name):
    assert relative_path(Photo(Path("x.jpg"), 584_000.5, 4_476_000.0, **fields)) == name
    assert name.count("@") == 15


def test_extensions():
    assert relative_path(Photo(Path("x.PNG"), 1, 2)).endswith("@.png")
    assert relative_path(Photo(Path("x.PNG"), 1, 2, jpeg=True)).endswith("@.jpg")
    assert relative_path(Photo(Path("x.PNG"), 1, 2, shorter=480)).endswith("@.jpg")


def test_degrees_are_computed_from_the_zone():
    # On the central meridian of zone 17, 81 degrees west, the northing is 0.9996 of the meridian's arc on WGS 84.
    latitudes = np.radians(np.linspace(0, 45, 450_001))
    curvature = 6_378_137 * (1 - 0.00669438) / (1 - 0.00669438 * np.sin(latitudes) ** 2) ** 1.5
    arc = np.concatenate([[0], np.cumsum((curvature[1:] + curvature[:-1]) / 2 * np.diff(latitudes))])
    latitude = np.degrees(np.interp(4_000_000 / 0.9996, arc, latitudes))
    parts = relative_path(Photo(Path("x.jpg"), 500_000.0, 4_000_000.0, "17T")).split("@")
    assert parts[3:7] == ["17", "T", f"{latitude:09.5f}", "-081.00000"]


def test_a_zone_that_is_none_is_a_mistake_of_the_set():
    with pytest.raises(ValueError, match="'17 north' is no UTM zone"):
        relative_path(Photo(Path("x.jpg"), 1, 2, "17 north"))
