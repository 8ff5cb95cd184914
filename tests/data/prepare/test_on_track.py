import csv
import sys

import numpy as np
import pytest
import utm
from mini import write_image
from phone import write_gpx, write_photo

from geoloc.data.domains import folder
from geoloc.data.prepare import command
from geoloc.data.prepare.gpx import locate, read_track
from geoloc.errors import InputError

# From noon on, a point every 10 s, 0.0001 degrees of latitude (11.1 m) apart; then 60 s of nothing; then two more.
TRACK = [
    ("2024-06-01T12:00:00Z", 45.0000, 7.0, 100.0),
    ("2024-06-01T12:00:10Z", 45.0001, 7.0, 110.0),
    ("2024-06-01T12:00:20Z", 45.0002, 7.0, 120.0),
    ("2024-06-01T12:01:20Z", 45.0010, 7.0, 130.0),
    ("2024-06-01T12:01:30Z", 45.0011, 7.0, 130.0),
]
NOON = 1_717_243_200  # 2024-06-01 12:00:00 UTC


@pytest.fixture
def track(tmp_path):
    return write_gpx(tmp_path / "way.gpx", TRACK)


def frames(raw, track, out, *options):
    return command.main(["frames", str(raw), "--track", str(track), "--out", str(out), *options])


def left_out(out):
    with (out / "left_out.csv").open(newline="") as file:
        return {row["file"]: row["reason"] for row in csv.DictReader(file)}


def northings(out):
    """Old name -> (northing, height, time) as the new name says it."""
    found = {}
    for path in (out / "images").rglob("*.jpg"):
        fields = path.name.split("@")
        found[fields[7]] = (float(fields[2]), fields[12], fields[13])
    return found


def north_of(lat):
    return pytest.approx(utm.from_latlon(lat, 7.0)[1], abs=0.01)


def test_positions_between_points_by_hand(track):
    way = read_track(track, 10)
    times = NOON + np.array([0, 2.5, 10, 17, 20, 90])
    places, reasons = locate(way, times)
    assert reasons == [""] * 6
    assert places[:, 0] == pytest.approx([45.0, 45.000025, 45.0001, 45.00017, 45.0002, 45.0011], abs=1e-9)
    assert places[:, 2] == pytest.approx([100, 102.5, 110, 117, 120, 130])


def test_nothing_is_known_outside_of_the_track_and_in_gaps(track):
    times = NOON + np.array([-0.5, 20.5, 79.9, 80, 90.5])
    before, gap, after = "before the track begins", "in a gap of the track of more than 10 s", "after the track ends"
    assert locate(read_track(track, 10), times)[1] == [before, gap, gap, "", after]
    assert locate(read_track(track, 60), times)[1] == [before, "", "", "", after]


def test_between_points_positions_are_linear_in_metres_too(tmp_path):
    # 140 m in ten seconds, at latitude 60 across the border of two zones and at the date line.
    for lon in (5.9990, 179.9990):
        ends = [(60.0, lon), (60.0009, lon + 0.0018 if lon < 100 else lon + 0.0018 - 360)]
        points = [(f"2024-06-01T12:00:{10 * k:02d}Z", *end, 0.0) for k, end in enumerate(ends)]
        way = read_track(write_gpx(tmp_path / "way.gpx", points), 10)
        places, _ = locate(way, np.array([NOON + 3.0]))
        number = utm.from_latlon(*ends[0])[2]
        start, end, found = (
            np.array(utm.from_latlon(lat, lon, force_zone_number=number)[:2]) for lat, lon in [*ends, places[0, :2]]
        )
        assert found == pytest.approx(start + 0.3 * (end - start), abs=0.005)
        assert -180 <= places[0, 1] <= 180


def test_points_without_time_and_points_twice_are_dropped_and_order_does_not_matter(tmp_path):
    path = write_gpx(tmp_path / "way.gpx", [*TRACK[::-1], TRACK[0], ("", 1, 1, 1), (TRACK[0][0], 0, 0, 0)])
    way = read_track(path, 10)
    assert (way.seconds - NOON).tolist() == [0, 10, 20, 80, 90]
    assert way.dropped == 3


def test_gpx_1_0_several_segments_and_no_heights(tmp_path):
    point = '<trkpt lat="{}" lon="7"><time>2024-06-01T12:00:{:02d}+00:00</time></trkpt>'
    segments = [f"<trkseg>{point.format(45 + k / 100, k)}</trkseg>" for k in range(3)]
    (tmp_path / "way.gpx").write_text(
        f'<gpx version="1.0" xmlns="http://www.topografix.com/GPX/1/0"><trk>{"".join(segments)}</trk></gpx>'
    )
    way = read_track(tmp_path / "way.gpx", 10)
    assert way.latlon[:, 0].tolist() == [45.0, 45.01, 45.02]
    assert np.isnan(way.heights).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('<!DOCTYPE gpx [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><gpx>&b;</gpx>', "declares XML entities"),
        ("lat,lon\n1,2\n", "is no GPX track"),
        ("<gpx><trk>", "is no GPX track"),
        ("<gpx/>", "has no track points"),
        ('<gpx><trkpt lat="1" lon="2"/><trkpt lat="1" lon="2"/></gpx>', "0 of 2 track points have a time"),
    ],
)
def test_files_that_are_no_track(tmp_path, content, message):
    (tmp_path / "way.gpx").write_text(content)
    with pytest.raises(InputError, match=message):
        read_track(tmp_path / "way.gpx", 10)


def test_entities_in_another_encoding_are_refused_too(tmp_path):
    (tmp_path / "way.gpx").write_bytes('<!DOCTYPE gpx [<!ENTITY a "aaaa">]><gpx>&a;</gpx>'.encode("utf-16"))
    with pytest.raises(InputError, match="declares XML entities"):
        read_track(tmp_path / "way.gpx", 10)


def test_no_such_track(tmp_path):
    with pytest.raises(InputError, match=r"way.gpx: cannot be read \(No such file"):
        read_track(tmp_path / "way.gpx", 10)


def test_times_from_exif_data_and_names(tmp_path, track, capsys):
    raw = tmp_path / "raw"
    write_photo(raw / "a.jpg", time="2024:06:01 14:00:05", offset="+02:00")
    write_photo(raw / "20240601_230000.jpg", time="2024:06:01 12:00:15")  # EXIF data count before the name
    write_image(raw / "PXL_20240601_120000250.jpg", 0)
    write_image(raw / "20240601_120050.jpg", 0)
    write_image(raw / "20240601_130000.jpg", 0)
    write_image(raw / "frame7.jpg", 0)
    assert frames(raw, track, tmp_path / "out", "--query-share", "0.34") == 0
    assert northings(tmp_path / "out") == {
        "a": (north_of(45.00005), "105", "20240601_120005"),
        "20240601_230000": (north_of(45.00015), "115", "20240601_120015"),
        "PXL_20240601_120000250": (north_of(45.0000025), "100.2", "20240601_120000"),
    }
    assert left_out(tmp_path / "out") == {
        "20240601_120050.jpg": "in a gap of the track of more than 10 s",
        "20240601_130000.jpg": "after the track ends",
        "frame7.jpg": "no time",
    }
    said = capsys.readouterr().out
    assert "times of frames from " in said
    assert "EXIF data: 2" in said
    assert "names: 3" in said
    assert "nowhere: 1" in said
    domain = folder(tmp_path / "out")
    assert (len(domain.database), len(domain.queries)) == (2, 1)


def test_a_clock_that_is_ahead(tmp_path, track, capsys):
    raw = tmp_path / "raw"
    write_photo(raw / "a.jpg", time="2024:06:01 14:00:10")
    write_photo(raw / "b.jpg", time="2024:06:01 14:00:20")
    write_photo(raw / "c.jpg", time="2024:06:01 13:00:00", offset="+01:00")  # this clock is right
    assert frames(raw, track, tmp_path / "out", "--clock-ahead", "7205", "--max-gap", "20") == 0
    found = northings(tmp_path / "out")
    assert [found[name][0] for name in "abc"] == [north_of(45.00005), north_of(45.00015), north_of(45.0)]
    (raw / "c.jpg").unlink()
    assert frames(raw, track, tmp_path / "b") == 2
    assert (
        "way.gpx: has no position for any frame; the track lasts from 2024-06-01 12:00:00 to 2024-06-01 12:01:30, the"
        " frames from 2024-06-01 14:00:10 to 2024-06-01 14:00:20, all in UTC; see --clock-ahead"
    ) in capsys.readouterr().err


def test_times_from_start_and_rate_in_the_order_of_numbers(tmp_path, track):
    for number in (1, 2, 10):
        write_image(tmp_path / f"raw/frame_{number}.jpg", number)
    options = ("--start", "2024-06-01T14:00:00+02:00", "--fps", "0.2")  # one in 5 s
    assert frames(tmp_path / "raw", track, tmp_path / "out", *options) == 0
    found = northings(tmp_path / "out")
    assert found["frame_1"][0] == north_of(45.0)
    assert found["frame_2"][0] == north_of(45.00005)
    assert found["frame_10"][0] == north_of(45.0001)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--start", "2024-06-01"], "--start and --fps go together"),
        (["--fps", "5"], "--start and --fps go together"),
        (["--start", "2024-06-01", "--fps", "0"], "--fps 0: must be more than 0"),
        (["--start", "noon", "--fps", "1"], "--start noon: is no time such as"),
        (["--max-gap", "0"], "--max-gap 0: must be more than 0 seconds"),
    ],
)
def test_options_that_cannot_be(tmp_path, track, capsys, options, message):
    write_image(tmp_path / "raw/20240601_120000.jpg", 0)
    assert frames(tmp_path / "raw", track, tmp_path / "out", *options) == 2
    assert message in capsys.readouterr().err


def test_a_video(tmp_path, track, capsys):
    cv2 = pytest.importorskip("cv2")
    writer = cv2.VideoWriter(str(tmp_path / "ride.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 4, (64, 48))
    for number in range(4 * 12):  # 12 s, each brighter than the one before
        writer.write(np.full((48, 64, 3), 5 * number, np.uint8))
    writer.release()
    arguments = ["video", str(tmp_path / "ride.avi"), "--track", str(track), "--start", "2024-06-01T12:00:10Z"]
    arguments += ["--every", "2.5", "--out", str(tmp_path / "out")]
    assert command.main(arguments) == 0
    # At 0, 2.5, 5, 7.5 and 10 s; then 10.5 s later than the track knows.
    found = northings(tmp_path / "out")
    assert {name: place[0] for name, place in found.items()} == {
        f"ride_{ms:09d}": north_of(45.0001 + ms * 1e-8) for ms in (0, 2500, 5000, 7500, 10000)
    }
    from geoloc.data.images import read_image

    stored = sorted((tmp_path / "out").rglob("*.jpg"), key=lambda path: path.name.split("@")[7])
    grey = [np.asarray(read_image(path)).mean() for path in stored]
    assert grey == pytest.approx([0, 50, 100, 150, 200], abs=3)  # frames 0, 10, 20, 30 and 40
    capsys.readouterr()
    assert command.main(arguments) == 0  # again
    assert "5 there already" in capsys.readouterr().out
    (tmp_path / "no.avi").write_text("no video")
    assert command.main([arguments[0], str(tmp_path / "no.avi"), *arguments[2:]]) == 2
    assert "no.avi: cannot be read as a video" in capsys.readouterr().err


def test_a_video_without_opencv(tmp_path, track, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    (tmp_path / "ride.avi").write_text("")
    arguments = ["video", str(tmp_path / "ride.avi"), "--track", str(track), "--start", "2024-06-01T12:00:10Z"]
    assert command.main(arguments) == 2
    assert capsys.readouterr().err == "error: videos need OpenCV: pip install 'geoloc[match]'\n"
