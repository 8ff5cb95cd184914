"""Eynsham, San Francisco and St Lucia from tiny raw folders in the original layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mini import write_image
from PIL import Image
from untouched import contents

from geoloc.data.domains import folder
from geoloc.data.prepare import eynsham, san_francisco, st_lucia
from geoloc.data.prepare.command import main
from geoloc.data.prepare.write import write
from geoloc.errors import InputError

LOOP = [(51.78, -1.40), (51.79, -1.40)]  # latitude, longitude
KML = """<?xml version="1.0"?>
<kml>
 <LineString>
  <coordinates>{} </coordinates>
 </LineString>
</kml>
"""


@pytest.fixture
def loops(tmp_path, monkeypatch) -> Path:
    """A panorama without a position, then the same two places twice; a position and 2 photos too many."""
    monkeypatch.setattr(eynsham, "LOOP", 2)
    home = tmp_path / "raw" / "Eynsham"
    (home / "Images").mkdir(parents=True)
    (home / "Route_map").mkdir()
    positions = [*LOOP, *LOOP, (51.9, -1.5)]
    text = " ".join(f"{lon},{lat},0.000000" for lat, lon in positions)
    (home / "Route_map" / "Eynsham.kml").write_text(KML.format(text))
    for number in range(27):
        pano, tile = divmod(number, 5)
        # 1220000000 is 2008-08-29 08:53:20 UTC.
        path = home / "Images" / f"grab_{1220000000 + pano}.cam{tile}.ppm"
        Image.new("L", (8, 6), number * 9).save(path)
    return tmp_path / "raw"


def test_eynsham_splits_at_the_end_of_the_first_loop(loops, tmp_path, capsys):
    before = contents(loops)
    out = tmp_path / "eynsham"
    assert main(["eynsham", str(loops), "--out", str(out)]) == 0
    assert contents(loops) == before
    assert "the first 5 photos and the last 2" in capsys.readouterr().out
    domain = folder(out)
    assert (len(domain.database), len(domain.queries)) == (10, 10)
    assert set(domain.database.zones.tolist()) == {"30 north"}
    # 0.01 degrees of latitude are some 1112 m.
    north = np.unique(domain.database.xy[:, 1])
    assert len(north) == 2
    assert np.ptp(north) == pytest.approx(1112, abs=3)
    assert sorted(domain.queries.xy.tolist()) == sorted(domain.database.xy.tolist())
    assert domain.positives(25).counts.tolist() == [5] * 10
    first = next(name for name in domain.database.names if "@0000@00@" in name)
    assert "@30@U@051.78000@-001.40000@0000@00@@@@@20080829_085321@@.jpg" in first
    # The first panorama is passed over: the first photo is number 5, the first query number 15.
    assert Image.open(out / "images/test/database" / first).convert("L").getpixel((0, 0)) == pytest.approx(45, abs=2)
    query = next(name for name in domain.queries.names if "@0002@00@" in name)
    assert Image.open(out / "images/test/queries" / query).convert("L").getpixel((0, 0)) == pytest.approx(135, abs=2)


def test_hidden_files_shift_no_photo_of_eynsham(loops, tmp_path):
    """macOS leaves a file beside each that it copies; the order of the photos is all that joins them to the map."""
    want = [photo.source.name for photo in eynsham.plan(loops).sides["test/database"]]
    images = loops / "Eynsham" / "Images"
    first = min(images.iterdir())
    first.with_name(f"._{first.name}").write_bytes(b"x")
    for path in images.glob("grab*"):
        path.rename(path.with_suffix(".PPM"))
    got = [photo.source for photo in eynsham.plan(loops).sides["test/database"]]
    assert [path.with_suffix(".ppm").name for path in got] == want


def test_eynsham_photos_and_map_must_belong_together(loops):
    photos = sorted((loops / "Eynsham" / "Images").iterdir())
    for path in photos[-3:]:
        path.unlink()
    with pytest.raises(InputError, match=r"24 photos .* are too few for 4 positions of 5 photos each"):
        eynsham.plan(loops)
    for path in photos[-3:]:
        Image.new("L", (8, 6)).save(path)
    for number in range(6):
        photos[number].rename(photos[number].with_name(f"cam{number}.ppm"))
    with pytest.raises(InputError, match=r"cam5\.ppm: the name must hold grab_"):
        eynsham.plan(loops)
    (loops / "Eynsham" / "Route_map" / "Eynsham.kml").write_text("<kml></kml>")
    with pytest.raises(InputError, match="needs one line of <coordinates>"):
        eynsham.plan(loops / "Eynsham")
    with pytest.raises(InputError, match=r"Eynsham\.kml: no such file"):
        eynsham.plan(loops.parent)


@pytest.fixture
def landmarks(tmp_path) -> Path:
    raw = tmp_path / "raw"
    views = raw / "00011000_00012000_3"
    # Two buildings seen from one panorama, with the same number and whole degrees.
    write_image(views / "PCI_sp_11841_37.789727_-122.387943_937762214_0_727224067_28.8739_-37.2531.jpg", 1)
    write_image(views / "PCI_sp_11841_37.789727_-122.387943_937762215_0_727224068_28.9739_-37.2531.jpg", 2)
    write_image(views / "PCI_sp_11842_37.799727_-122.387943_937762214_1_727224067_246.264_12.5.jpg", 3)
    write_image(raw / "again" / "PCI_sp_11842_37.799727_-122.387943_937762214_1_727224067_246.264_12.5.jpg", 3)
    write_image(raw / "PFIs" / "PFI_sp_11842_37.799727_-122.387943_937762214_1_727224067_246.264_12.5.jpg", 4)
    for name in ("0000", "0001", "0002"):
        write_image(raw / san_francisco.QUERIES / f"{name}.jpg", int(name) + 10)
    lines = [
        "method name qw qx qy qz x y z",
        "1 0000 1 0 0 0 553900.5 4182600.25 9.5",
        "2 0002 0.5 0.5 0.5 0.5 553000 4182000 3",
    ]
    (raw / "reference_poses_598").mkdir()
    (raw / "reference_poses_598" / "reference_poses_addTM_all_598.txt").write_text("\n".join(lines) + "\n")
    return raw


def test_san_francisco_takes_its_queries_from_the_survey(landmarks, tmp_path, capsys):
    before = contents(landmarks)
    out = tmp_path / "sf"
    assert main(["san_francisco", str(landmarks), "--out", str(out)]) == 1
    assert contents(landmarks) == before
    printed = capsys.readouterr()
    assert "their names come twice: 1 photos" in printed.out
    assert printed.err.endswith(
        "warning: test/queries: 2 photos, but 598 are published; the raw set is not complete, or is another version\n"
    )
    domain = folder(out)
    assert domain.queries.xy.tolist() == [[553_000, 4_182_000], [553_900.5, 4_182_600.25]]
    assert {*domain.database.zones.tolist(), *domain.queries.zones.tolist()} == {"10 north"}
    assert len(domain.database) == 3
    # 37.789727 N, 122.387943 W in UTM; 0.01 degrees of latitude are some 1110 m.
    assert domain.database.xy[-1].tolist() == pytest.approx([553890.30, 4182661.59], abs=0.01)
    assert np.ptp(domain.database.xy[:, 1]) == pytest.approx(1110, abs=3)
    assert [name.split("@")[5:11] for name in domain.database.names if "@11842@" in name] == [
        ["037.79973", "-122.38794", "11842", "1", "246", "012"]
    ]


def test_folders_of_san_francisco_may_be_links(landmarks, tmp_path):
    (landmarks / "00011000_00012000_3").rename(tmp_path / "far")
    (landmarks / "00011000_00012000_3").symlink_to(tmp_path / "far")
    assert len(san_francisco.plan(landmarks).sides["test/database"]) == 3


def test_what_san_francisco_lacks_is_said(landmarks):
    poses = landmarks / "reference_poses_598" / "reference_poses_addTM_all_598.txt"
    poses.write_text("header\n1 0000 1 0 0 0 553900.5\n")
    with pytest.raises(InputError, match="line 2 must be method, photo, four numbers"):
        san_francisco.plan(landmarks)
    poses.unlink()
    with pytest.raises(InputError, match=r"addTM_all_598\.txt: no such file"):
        san_francisco.plan(landmarks)
    write_image(landmarks / "PCI_sp_1_north_0.jpg", 1)
    with pytest.raises(InputError, match=r"PCI_sp_1_north_0\.jpg: the name must be PCI_sp_panorama"):
        san_francisco.plan(landmarks)
    with pytest.raises(InputError, match=r"no PCI_sp_\*\.jpg in it"):
        san_francisco.plan(landmarks / "reference_poses_598")


def write_pass(folder: Path, metres_north: list[float], frames: int) -> None:
    """A video whose frames get brighter by 10 each, and a latitude without its sign for each frame."""
    cv2 = pytest.importorskip("cv2")
    folder.mkdir(parents=True)
    video = cv2.VideoWriter(str(folder / "webcam_video.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 15, (64, 48))
    for number in range(frames):
        video.write(np.full((48, 64, 3), 10 * number, np.uint8))
    video.release()
    lines = [f"{27.5 - metres / 110_800:.9f},153.05" for metres in metres_north]  # a degree is 110.8 km there
    (folder / "fGPS.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture
def passes(tmp_path) -> Path:
    raw = tmp_path / "raw"
    write_pass(raw / "100909_0845", [0, 2, 4, 6, 8, 10, 13, 40], 8)
    write_pass(raw / "180809_1545", [0, 100, 200], 3)
    write_pass(raw / "210809_1210", [0, 6, 12, 18], 3)  # a position more than frames
    return raw


def grey_of(path: Path) -> float:
    return float(np.asarray(Image.open(path).convert("L")).mean())


def test_st_lucia_keeps_frames_5_m_apart(passes, tmp_path, capsys):
    before = contents(passes)
    out = tmp_path / "st_lucia"
    assert main(["st_lucia", str(passes), "--out", str(out)]) == 1
    assert contents(passes) == before
    assert "passes: 100909_0845 as database, 210809_1210 as queries" in capsys.readouterr().out
    domain = folder(out)
    # From 0 m: 2 and 4 are too near, 6 is not; from 6: 8, 10 are too near, 13 is not; then 40.
    assert [name.split("@")[7] for name in domain.database.names] == [
        f"100909_0845_{frame:05d}" for frame in (0, 3, 6, 7)
    ]
    np.testing.assert_allclose(np.diff(domain.database.xy[:, 1]), [6, 7, 27], atol=0.05)
    assert [name.split("@")[7][-2:] for name in domain.queries.names] == ["00", "01", "02"]
    assert set(domain.database.zones.tolist()) == {"56 south"}
    assert domain.database.names[0].split("@")[13] == "20090910_0845"
    assert [grey_of(domain.database.path(row)) for row in range(4)] == pytest.approx([0, 30, 60, 70], abs=3)


def test_st_lucia_passes_can_be_chosen(passes, tmp_path, capsys):
    plan = st_lucia.plan(passes, database="210809_1210", queries="180809_1545")
    summary = write(plan, tmp_path / "st_lucia")
    assert summary.counts == {"test/database": 3, "test/queries": 3}
    assert summary.ways == {"converted": 6}
    assert summary.notes == ["passes: 210809_1210 as database, 180809_1545 as queries"]
    assert write(plan, tmp_path / "st_lucia").ways == {"there already": 6}
    assert main(["st_lucia", str(passes), "--queries", "gone"]) == 2
    assert "has no pass gone; it has 100909_0845, 180809_1545, 210809_1210" in capsys.readouterr().err


def test_frames_of_st_lucia_without_a_position_are_counted(passes):
    (passes / "100909_0845" / "fGPS.txt").write_text("27.5,153.05\n27.4,153.05\n")
    assert st_lucia.plan(passes).notes[1:] == [
        "left out, since fGPS.txt has no line for them: the last 6 frames of 100909_0845"
    ]


def test_what_st_lucia_lacks_is_said(passes, tmp_path):
    with pytest.raises(InputError, match=r"holds 0 passes .* two are needed\. Get the passes"):
        st_lucia.plan(tmp_path)
    (passes / "100909_0845" / "fGPS.txt").write_text("nothing\n")
    with pytest.raises(InputError, match=r"fGPS\.txt: needs a line for each frame"):
        st_lucia.plan(passes)
    (passes / "100909_0845" / "fGPS.txt").unlink()
    with pytest.raises(InputError, match=r"fGPS\.txt: no such file"):
        st_lucia.plan(passes)
    (passes / "210809_1210" / "webcam_video.avi").write_bytes(b"no video")
    with pytest.raises(InputError, match=r"webcam_video\.avi: cannot be read as a video"):
        st_lucia.plan(passes, database="180809_1545")
