import pytest
from phone import arc, gps, rational
from PIL.TiffImagePlugin import IFDRational

from geoloc.data.prepare import exif

LAT, LON = 39.9526139, -75.1919028


@pytest.mark.parametrize(
    "latitude",
    [
        (rational(39.9526139), rational(0), rational(0)),  # all in the degrees
        (39.0, 57.156834, 0.0),  # in the minutes
        (39.9526139,),
        (39.0, 57.156834),
    ],
)
def test_odd_ways_to_write_an_angle(latitude):
    assert exif.position({1: "N\0", 2: latitude, 3: b"w ", 4: arc(LON)}) == pytest.approx((LAT, LON), abs=1e-5)


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ({}, "no GPS position"),
        ({1: "N", 2: arc(LAT)}, "no GPS position"),  # no longitude
        ({2: arc(LAT), 3: "W", 4: arc(LON)}, "GPS position without N or S"),
        ({1: "N", 2: arc(LAT), 3: "?", 4: arc(LON)}, "GPS position without E or W"),
        (gps(0, 0), "position 0, 0"),
        (gps(LAT, LON, x9="V"), "GPS without a fix (status V)"),
        (gps(LAT, LON, x12="TOKYO"), "position in the Tokyo datum, some 400 m off"),
        (gps(LAT, LON) | {2: (IFDRational(1, 0), 0.0, 0.0)}, "unreadable GPS position"),
        (gps(LAT, LON) | {2: (99.0, 0.0, 0.0)}, "no possible position"),
        (gps(LAT, LON) | {2: (-39.0, 57.0, 0.0)}, "unreadable GPS position"),
        (gps(LAT, LON) | {2: "39 57 09"}, "unreadable GPS position"),
        (gps(LAT, LON) | {2: ()}, "unreadable GPS position"),
        (gps(85.0, LON), "too near a pole for UTM"),
    ],
)
def test_positions_that_cannot_be_believed(block, reason):
    with pytest.raises(ValueError, match=r"^" + reason.replace("(", r"\(").replace(")", r"\)") + "$"):
        exif.position(block)


def test_a_status_that_is_not_void_is_fine():
    assert exif.position(gps(LAT, LON, x9="A", x12="WGS-84")) == pytest.approx((LAT, LON), abs=1e-8)


@pytest.mark.parametrize("direction", [float("nan"), 400.0, -1.0])
def test_an_impossible_heading_is_none(direction):
    assert exif.heading({0x11: direction}) is None
    assert not exif.magnetic({0x11: direction, 0x10: "M"})


@pytest.mark.parametrize("text", ["0000:00:00 00:00:00", "    :  :     :  :  ", "2024:13:01 00:00:00", "", "soon"])
def test_no_time(text):
    assert exif.taken({0x9003: text}) is None


def test_times_with_fractions_and_zones():
    block = {0x9003: "2024:06:01 10:30:16\0", 0x9291: "25", 0x9010: "-05:30"}
    assert exif.taken(block).isoformat() == "2024-06-01T10:30:16.250000-05:30"
