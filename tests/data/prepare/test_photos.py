import csv
import shutil
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import utm
from phone import LAT, LON, STEP, gps, rational, write_photo, write_street
from PIL import Image

from geoloc.data.domains import folder
from geoloc.data.images import read_image
from geoloc.data.prepare import command
from geoloc.data.prepare.photos import plan
from geoloc.data.prepare.sharing import Sharing
from geoloc.errors import InputError


def prepare(raw, out, *options):
    return command.main(["photos", str(raw), "--out", str(out), *options])


def left_out(out):
    with (out / "left_out.csv").open(newline="") as file:
        return {row["file"]: row["reason"] for row in csv.DictReader(file)}


def the_photo(block, tmp_path, **more):
    """What the set says of a photo with this GPS block."""
    write_photo(tmp_path / "raw/a.jpg", block, **more)
    write_photo(tmp_path / "raw/b.jpg", gps(LAT, LON))
    write_photo(tmp_path / "raw/c.jpg", gps(LAT, LON))
    made = plan(tmp_path / "raw", Sharing())
    return next(photo for photos in made.sides.values() for photo in photos if photo.pano == "a"), made


@pytest.mark.parametrize(
    ("lat", "lon", "zone"),
    [
        (48.858222, 2.2945, "31U"),  # north, east
        (39.9526139, -75.1919028, "18S"),  # north, west
        (-33.856784, 151.215297, "56H"),  # south, east
        (-22.951916, -43.210487, "23K"),  # south, west
        (60.39, 5.32, "32V"),  # zone 32 is wider here
    ],
)
def test_positions_of_all_quarters_of_the_earth(tmp_path, lat, lon, zone):
    photo, _ = the_photo(gps(lat, lon), tmp_path)
    east, north, number, letter = utm.from_latlon(lat, lon)
    assert (photo.lat, photo.lon) == pytest.approx((lat, lon), abs=1e-8)
    assert (photo.east, photo.north) == pytest.approx((east, north), abs=0.01)
    assert photo.zone == f"{number}{letter}" == zone


def test_degrees_minutes_and_seconds_by_hand(tmp_path):
    block = {1: "S", 2: (33.0, 51.0, 30.0), 3: "W", 4: (70.0, 36.0, 0.0)}  # 33 + 51/60 + 30/3600, 70 + 36/60
    photo, _ = the_photo(block, tmp_path)
    assert (photo.lat, photo.lon) == pytest.approx((-(33 + 0.85 + 1 / 120), -70.6), abs=1e-9)


def test_heading_height_and_time(tmp_path):
    block = gps(LAT, LON, x10="T", x11=rational(359.7), x5=b"\x01", x6=rational(12.5))
    photo, made = the_photo(block, tmp_path, time="2024:06:01 01:30:00", offset="+02:00")
    assert photo.heading == 0  # rounded, and a full turn is none
    assert photo.height == -12.5  # below the sea
    assert photo.time == "20240531_233000"  # UTC
    assert "2 photos say no time" in made.notes


def test_a_magnetic_heading_is_kept_and_counted(tmp_path):
    photo, made = the_photo(gps(LAT, LON, x10="M", x11=rational(90), x5=b"\x00", x6=rational(3)), tmp_path)
    assert (photo.heading, photo.height) == (90, 3)
    assert "1 headings count from magnetic north, and are kept as they are" in made.notes


def test_the_time_of_the_receiver_where_the_camera_says_no_zone(tmp_path):
    stamps = {"x1d": "2024:06:01", "x7": (rational(8), rational(30), rational(15.5))}
    photo, _ = the_photo(gps(LAT, LON, **stamps), tmp_path, time="2024:06:01 10:30:16")
    assert photo.time == "20240601_083015"
    photo, made = the_photo(gps(LAT, LON), tmp_path, time="2024:06:01 10:30:16")
    assert photo.time == "20240601_103016"
    assert made.notes[0].startswith("1 photos do not say their time zone")


def test_from_photos_to_a_domain(tmp_path, capsys):
    write_street(tmp_path / "raw")
    assert prepare(tmp_path / "raw", tmp_path / "city", "--query-share", "0.3") == 0
    domain = folder(tmp_path / "city")
    assert (len(domain.database), len(domain.queries)) == (7, 3)
    assert (domain.positives(25).counts > 0).all()
    xy = np.concatenate([domain.database.xy, domain.queries.xy])
    expected = [utm.from_latlon(LAT + i * STEP, LON)[:2] for i in range(10)]
    assert xy[xy[:, 1].argsort()] == pytest.approx(np.array(expected), abs=0.01)
    names = sorted(domain.database.names.tolist() + domain.queries.names.tolist(), key=lambda name: name.split("@")[2])
    assert names[0].split("@")[3:5] + names[0].split("@")[7:8] + names[0].split("@")[13:14] == [
        "18",
        "S",
        "IMG_0000",
        "20240601_100000",
    ]
    assert "10 linked" in capsys.readouterr().out
    assert prepare(tmp_path / "raw", tmp_path / "city", "--query-share", "0.3") == 0  # again
    assert "10 there already" in capsys.readouterr().out


def test_photos_without_a_position_are_counted_and_listed(tmp_path, capsys):
    write_street(tmp_path / "raw", 4)
    write_photo(tmp_path / "raw/deep/no_gps.JPG", time="2024:06:01 10:00:00")
    write_photo(tmp_path / "raw/screenshot.png")
    write_photo(tmp_path / "raw/zero.jpg", gps(0, 0))
    write_photo(tmp_path / "raw/void.jpg", gps(LAT, LON, x9="V"))
    (tmp_path / "raw/broken.jpg").write_text("no image")
    (tmp_path / "raw/film.MOV").write_text("")
    assert prepare(tmp_path / "raw", tmp_path / "city") == 0
    assert left_out(tmp_path / "city") == {
        "broken.jpg": "no readable image",
        "deep/no_gps.JPG": "no GPS position",
        "screenshot.png": "no GPS position",
        "void.jpg": "GPS without a fix (status V)",
        "zero.jpg": "position 0, 0",
    }
    said = capsys.readouterr().out
    assert (
        "5 photos are left out: GPS without a fix (status V): 1 (void.jpg); no GPS position: 2 (deep/no_gps.JPG,"
        in said
    )
    assert "no photos, or hidden: 1 .mov" in said


def test_no_position_at_all(tmp_path, capsys):
    write_photo(tmp_path / "raw/a.jpg")
    assert prepare(tmp_path / "raw", tmp_path / "city") == 2
    assert capsys.readouterr().err == "error: raw: no photo has a position; no GPS position: 1 (a.jpg)\n"
    assert not (tmp_path / "city").exists()


def test_damaged_exif_does_no_harm(tmp_path):
    write_street(tmp_path / "raw", 3)
    Image.new("RGB", (8, 8)).save(tmp_path / "raw/odd.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xffgarbage")
    assert prepare(tmp_path / "raw", tmp_path / "city") == 0
    assert list(left_out(tmp_path / "city")) == ["odd.jpg"]


def test_links_are_followed_and_equal_names_stay_apart(tmp_path):
    write_street(tmp_path / "elsewhere", 2)
    write_street(tmp_path / "raw/a", 2)
    (tmp_path / "raw/b").symlink_to(tmp_path / "elsewhere")
    write_photo(tmp_path / "raw/a/IMG_0000.png", gps(LAT, LON), "2024:06:01 10:00:00")
    assert prepare(tmp_path / "raw", tmp_path / "city") == 0
    domain = folder(tmp_path / "city")
    panos = {name.split("@")[7] for side in (domain.database, domain.queries) for name in side.names.tolist()}
    assert panos == {"a-IMG_0000", "a-IMG_0000+2", "a-IMG_0001", "b-IMG_0000", "b-IMG_0001"}


def test_one_file_is_one_photo_whatever_links_lead_to_it(tmp_path):
    write_street(tmp_path / "raw/tuesday", 3)
    (tmp_path / "raw/best").symlink_to(tmp_path / "raw/tuesday")
    (tmp_path / "raw/a.jpg").symlink_to(tmp_path / "raw/tuesday/IMG_0001.jpg")
    write_street(tmp_path / "elsewhere", 1)
    for name in ("c.jpg", "d.jpg"):
        (tmp_path / "raw" / name).symlink_to(tmp_path / "elsewhere/IMG_0000.jpg")
    assert prepare(tmp_path / "raw", tmp_path / "city", "--query-folders", "tuesday") == 0
    assert left_out(tmp_path / "city") == dict.fromkeys(["a.jpg", "d.jpg"], "a link to another photo")
    domain = folder(tmp_path / "city")
    assert [name.split("@")[7] for name in domain.database.names.tolist()] == ["c"]
    assert len(domain.queries) == 3


def test_orientation_stays_in_the_file(tmp_path):
    write_street(tmp_path / "raw", 2)
    exif_block = Image.Exif()
    exif_block[0x112] = 6
    exif_block[0x8825] = gps(LAT, LON)
    Image.new("RGB", (30, 20)).save(tmp_path / "raw/turned.jpg", exif=exif_block)
    assert prepare(tmp_path / "raw", tmp_path / "city") == 0
    path = next((tmp_path / "city").rglob("*@turned@*.jpg"))
    assert path.read_bytes() == (tmp_path / "raw/turned.jpg").read_bytes()
    assert read_image(path).size == (20, 30)


def test_heic_photos_need_a_package(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    write_street(tmp_path / "raw", 2)
    (tmp_path / "raw/IMG_1.HEIC").write_bytes(b"")
    (tmp_path / "raw/IMG_2.heif").write_bytes(b"")
    assert prepare(tmp_path / "raw", tmp_path / "city") == 2
    error = capsys.readouterr().err
    assert "2 photos are HEIC files (IMG_1.HEIC, IMG_2.heif)" in error
    assert "pip install 'geoloc[heic]'" in error


def test_heic_photos_become_jpeg(tmp_path):
    pytest.importorskip("pi_heif")
    write_street(tmp_path / "raw", 2)
    # A red photo at LAT, LON; the package that reads such files cannot write them.
    shutil.copy(Path(__file__).with_name("red.heic"), tmp_path / "raw/IMG_1.HEIC")
    assert prepare(tmp_path / "raw", tmp_path / "city") == 0
    path = next((tmp_path / "city").rglob("*@IMG_1@*.jpg"))
    with Image.open(path) as image:
        assert (image.format, image.size) == ("JPEG", (64, 48))
        assert np.asarray(image).mean(axis=(0, 1)) == pytest.approx([255, 0, 0], abs=8)


def test_photos_of_two_zones_get_the_zone_that_they_lie_in(tmp_path):
    # 0.0001 degrees of longitude at latitude 45 are 7.9 m; the border of zones 31 and 32 lies in the middle.
    for i in range(-3, 3):
        write_photo(tmp_path / f"raw/{i + 3}.jpg", gps(45.0, 6 + (i + 0.5) * STEP))
    made = plan(tmp_path / "raw", Sharing(query_share=0.5, near=8.0))
    zones = {photo.pano: photo.zone for photos in made.sides.values() for photo in photos}
    assert zones == {"0": "31T", "1": "31T", "2": "31T", "3": "32T", "4": "32T", "5": "32T"}
    sides = {photo.pano: side for side, photos in made.sides.items() for photo in photos}
    for pano, side in sides.items():  # across the border too
        if side == "test/queries":
            assert "test/database" in {sides.get(str(int(pano) - 1)), sides.get(str(int(pano) + 1))}
    assert list(sides.values()).count("test/queries") == 3


def test_a_prepared_set_below_the_folder_is_not_read_again(tmp_path, capsys):
    write_street(tmp_path / "raw", 4)
    assert prepare(tmp_path / "raw", tmp_path / "raw/city") == 0
    assert prepare(tmp_path / "raw", tmp_path / "raw/city") == 0
    printed = capsys.readouterr().out
    assert "in a prepared set: 4" in printed
    assert "no photos, or hidden: 1 .csv, 1 .json\n" in printed  # those of the set, and none of its photos
    assert len(folder(tmp_path / "raw/city").database) == 3
    assert prepare(tmp_path / "raw", tmp_path / "raw") == 2
    assert "is the raw set itself" in capsys.readouterr().err


def test_the_name_of_the_set(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DATASETS_FOLDER", str(tmp_path / "sets"))
    write_street(tmp_path / "my photos", 3)
    assert command.main(["photos", str(tmp_path / "my photos")]) == 0
    assert command.main(["photos", str(tmp_path / "my photos"), "--name", "my_city"]) == 0
    assert sorted(path.name for path in (tmp_path / "sets").iterdir()) == ["my photos", "my_city"]
    assert command.main(["photos", str(tmp_path / "my photos"), "--name", "a/b"]) == 2
    assert "--name a/b: must be the name of a folder" in capsys.readouterr().err
    with pytest.raises(InputError, match="must be the name"):
        plan(tmp_path / "my photos", Sharing(), "..")


def test_real_photos_keep_their_places(shared_data, tmp_path):
    """Photos of a campus whose names say their GPS positions, written back into EXIF data."""
    real = sorted((shared_data / "penn-campus-gps/images/test").rglob("*.jpg"))
    assert len(real) == 81
    known = {}
    for path in real:
        fields = path.name.split("@")
        known[fields[7]] = (float(fields[1]), float(fields[2]), fields[3] + fields[4], fields[13])
        block = gps(float(fields[5]), float(fields[6]))
        time = datetime.strptime(fields[13], "%Y%m%d_%H%M%S").strftime("%Y:%m:%d %H:%M:%S")
        with Image.open(path) as image:
            write_photo(tmp_path / f"raw/{fields[7]}.jpg", block, time, image=image.resize((64, 48)))
    assert prepare(tmp_path / "raw", tmp_path / "campus") == 0
    domain = folder(tmp_path / "campus")
    assert (len(domain.database), len(domain.queries)) == (65, 16)
    assert (domain.positives(25).counts > 0).all()
    for side in (domain.database, domain.queries):
        for name, xy in zip(side.names.tolist(), side.xy, strict=True):
            fields = name.split("@")
            east, north, zone, time = known[fields[7]]
            assert xy == pytest.approx((east, north), abs=0.1)
            assert (fields[3] + fields[4], fields[13]) == (zone, time)
