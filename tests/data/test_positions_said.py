"""Positions that photos say themselves, and distances between positions of any zones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import utm
from mini import name_of, write_image
from phone import gps, write_photo

from geoloc.data.positions_said import metres_apart, positions_said, times_said


def test_names_come_before_exif_and_many_photos_say_nothing(tmp_path):
    lat, lon = 39.9526, -75.1919
    paths = [
        write_image(tmp_path / name_of(540_000.0, 4_000_000.0), seed=1),
        write_photo(tmp_path / "phone.jpg", gps(lat, lon)),
        write_image(tmp_path / "plain.jpg", seed=2),
        write_photo(tmp_path / "me@home.jpg", gps(lat, lon)),  # an @, and no position in the name
    ]
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"nothing")
    xy, zones = positions_said([*paths, broken])
    east, north, _, _ = utm.from_latlon(lat, lon)
    assert xy[0].tolist() == [540_000.0, 4_000_000.0]
    assert xy[1] == pytest.approx([east, north], abs=0.02)
    assert xy[3] == pytest.approx([east, north], abs=0.02)
    assert np.isnan(xy[[2, 4]]).all()
    assert zones.tolist() == ["17 north", "18 north", "", "18 north", ""]


def test_in_a_local_frame_names_alone_count(tmp_path):
    named = write_image(tmp_path / name_of(3.0, 4.0), seed=1)
    phone = write_photo(tmp_path / "phone.jpg", gps(39.9526, -75.1919))
    xy, zones = positions_said([named, phone], local=True)
    assert xy[0].tolist() == [3.0, 4.0]
    assert np.isnan(xy[1]).all()
    assert zones.tolist() == ["", ""]


def test_metres_across_the_border_of_two_zones():
    # The same point in zones 17 and 18 (their border is the meridian 78 W), and one 0.001 degrees (111 m) north of it.
    west, east = utm.from_latlon(40.0, -78.0, 17), utm.from_latlon(40.0, -78.0, 18)
    north = utm.from_latlon(40.001, -78.0, 18)
    xy = np.array([west[:2]] * 2)
    others = np.array([east[:2], north[:2]])
    found = metres_apart(xy, np.array(["17 north"] * 2), others, np.array(["18 north"] * 2))
    assert found == pytest.approx([0.0, 111.03], abs=0.05)


@pytest.mark.parametrize(
    ("zone", "other", "known"),
    [
        ("17 north", "17", True),
        ("17", "17 south", True),
        ("", "", True),
        ("17 north", "17 south", True),  # by degrees: half the earth apart
        ("17 north", "", False),
        ("17", "18", False),
    ],
)
def test_positions_of_other_frames_are_not_compared(zone, other, known):
    a, b = np.array([[500_000.0, 4_000_000.0]]), np.array([[500_000.0, 4_000_010.0]])
    (found,) = metres_apart(a, np.array([zone]), b, np.array([other]))
    assert np.isfinite(found) == known
    if known and " " in zone and " " in other:
        assert found > 5_000_000
    elif known:
        assert found == 10.0


def test_a_photo_without_a_file_says_nothing():
    xy, _ = positions_said([Path("nowhere.jpg")])
    assert np.isnan(xy).all()


def test_times_come_from_names_and_from_exif(tmp_path):
    named = write_image(tmp_path / name_of(540_000.0, time="20240601_120305"), seed=1)
    phone = write_photo(tmp_path / "phone.jpg", time="2024:06:01 14:00:01", offset="+02:00")
    plain = write_image(tmp_path / "plain.jpg", seed=2)
    found = times_said([named, str(phone), plain, np.zeros((4, 4, 3), np.uint8)])
    assert found.tolist() == ["2024-06-01T12:03:05", "2024-06-01T14:00:01+02:00", "", ""]
