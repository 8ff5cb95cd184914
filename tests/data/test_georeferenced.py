"""Folders, tables and photos as people have them, with positions and without."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from mini import name_of, write_image, write_mini_city
from phone import LAT, LON, gps, write_photo

from geoloc.data.georeferenced import photos_with_positions, photos_without
from geoloc.data.images import read_image
from geoloc.earth import from_latlon
from geoloc.errors import InputError

HEIC = Path(__file__).parent / "prepare" / "red.heic"  # a red photo at LAT, LON
PLACE = (39.95, -75.19)  # zone 18 north


def test_photos_of_a_phone(tmp_path, caplog):
    write_photo(tmp_path / "b.jpg", gps(*PLACE))
    write_photo(tmp_path / "sub" / "a.JPG", gps(39.96, -75.2), "2024:06:01 12:00:00")
    for number in range(5):
        write_photo(tmp_path / f"indoors{number}.jpg")
    write_photo(tmp_path / "zero.jpg", gps(0.0, 0.0))
    places = photos_with_positions(tmp_path)
    assert places.names.tolist() == ["b.jpg", "sub/a.JPG"]
    assert places.zones.tolist() == ["18 north"] * 2
    assert places.times.tolist() == ["", "2024-06-01T12:00:00"]
    assert np.allclose(places.xy, from_latlon(np.array([PLACE, (39.96, -75.2)]))[0], atol=0.02)
    assert "6 of 8 photos are left out" in caplog.text
    assert (
        "no GPS position: 5 (indoors0.jpg, indoors1.jpg, indoors2.jpg, ...); position 0, 0: 1 (zero.jpg)" in caplog.text
    )


def test_names_and_exif_data_in_one_folder(tmp_path, caplog):
    named = name_of(482_000, 4_422_000).replace("17@T", "18@S")
    write_image(tmp_path / named, seed=1)
    write_photo(tmp_path / "a.jpg", gps(*PLACE))
    write_photo(tmp_path / "0.jpg", gps(*PLACE))
    places = photos_with_positions(tmp_path)
    assert places.names.tolist() == ["0.jpg", named, "a.jpg"]  # in the order of their names
    assert places.xy[1].tolist() == [482_000, 4_422_000]
    assert set(places.zones) == {"18 north"}
    assert not caplog.records
    with pytest.raises(
        InputError, match=r"the names of 1 photos hold positions in a local frame .*, and 2 others have"
    ):
        photos_with_positions(tmp_path, "local")


def test_none_with_a_position(tmp_path):
    write_photo(tmp_path / "mine" / "a.jpg")
    (tmp_path / "mine" / "b.jpg").write_bytes(b"broken")
    with pytest.raises(InputError, match="none of 2 photos has a position") as error:
        photos_with_positions(tmp_path / "mine")
    assert "no GPS position: 1 (a.jpg); no readable image: 1 (b.jpg)" in str(error.value)
    assert "from a table mine.csv beside the folder (columns path,lat,lon or path,east,north)" in str(error.value)


def test_a_table_beside_the_folder_says_where(tmp_path, caplog):
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        write_photo(tmp_path / "mine" / name, gps(1.0, 2.0))
    (tmp_path / "mine.csv").write_text(
        "path,lat,lon,time\na.jpg,39.95,-75.19,2024-06-01 12:00:00Z\nb.jpg,39.96,-75.2,\n"
    )
    places = photos_with_positions(tmp_path / "mine")
    assert places.names.tolist() == ["a.jpg", "b.jpg"]
    assert places.times.tolist() == ["2024-06-01T12:00:00+00:00", ""]
    assert set(places.zones) == {"18 north"}
    assert "1 images of the folder are not listed and are left out" in caplog.text


def test_a_table_of_photos_anywhere(tmp_path):
    for name in ("x/a.jpg", "y/b.jpg", "y/q.jpg"):
        write_image(tmp_path / name, seed=0)
    table = tmp_path / "photos.csv"
    rows = f"{tmp_path}/x/a.jpg,500000,4000000,17T,database\ny/b.jpg,500010,4000000,17T,database\n"
    table.write_text(f"path,east,north,zone,side\n{rows}y/q.jpg,500000,4000000,17T,queries\n")
    places = photos_with_positions(table)
    assert [places.path(row) for row in range(2)] == [tmp_path / "x/a.jpg", tmp_path / "y/b.jpg"]
    table.write_text("path,east,north,zone,side\ny/q.jpg,500000,4000000,17T,queries\n")
    with pytest.raises(InputError, match=r"photos\.csv: has no row of side database"):
        photos_with_positions(table)
    table.write_text("path,lat,lon\ngone.jpg,1,2\nlost.jpg,1,2\n")
    with pytest.raises(InputError, match=r"photos\.csv: .*gone\.jpg and 1 more: no such photo"):
        photos_with_positions(table)
    beside = tmp_path / "y.csv"
    beside.write_text("path,lat,lon\nb.jpg,1,2\n")
    with pytest.raises(InputError, match=r"y\.csv: .*no such photo; its paths are .* name that, .*/y$"):
        photos_with_positions(beside)
    assert photos_with_positions(tmp_path / "y").names.tolist() == ["b.jpg"]
    table.write_text("path,lat,lon\nx/a.jpg,100,2\n")
    with pytest.raises(InputError, match=r"latitude must lie in -80\.\.84 .*\(line 2\)"):
        photos_with_positions(table)


def test_one_photo_and_several(tmp_path):
    first = write_photo(tmp_path / "x" / "a.jpg", gps(*PLACE))
    second = write_photo(tmp_path / "y" / "a.jpg", gps(39.96, -75.19))
    assert photos_with_positions(first).names.tolist() == ["a.jpg"]
    both = photos_with_positions([second, str(first)])
    assert both.root == tmp_path
    assert sorted(both.names) == ["x/a.jpg", "y/a.jpg"]
    for row in range(2):
        assert both.path(row).is_file()
    with pytest.raises(InputError, match=r"gone\.jpg: no such photo"):
        photos_with_positions([first, tmp_path / "gone.jpg"])
    with pytest.raises(InputError, match="no photos are given"):
        photos_with_positions([])
    with pytest.raises(InputError, match="the same image is listed twice"):
        photos_with_positions([first, first.parent / ".." / first.parent.name / first.name])


def test_a_data_sets_folder_is_not_a_database(tmp_path):
    """Its queries would be found in it, each at its own place."""
    city = write_mini_city(tmp_path / "city", 1)
    for folder, inside in ((city, "images/train/database or "), (city / "images" / "test", "test/database")):
        with pytest.raises(InputError, match=f"is a data set's folder, with queries; name its database: .*{inside}"):
            photos_with_positions(folder)
    assert len(photos_with_positions(city / "images" / "test" / "database")) == 2


def test_photos_without_positions(tmp_path):
    paths = [write_photo(tmp_path / name) for name in ("b.jpg", "a.PNG", "sub/c.webp")]
    (tmp_path / "notes.txt").write_text("")
    assert photos_without(tmp_path) == [paths[1], paths[0], paths[2]]
    assert photos_without(str(paths[0])) == [paths[0]]
    assert photos_without([paths[2], str(paths[0])]) == [paths[2], paths[0]]
    for wrong, message in (
        (tmp_path / "gone", "gone: no such photo"),
        (tmp_path / "notes.txt", r"notes\.txt: is no photo \(accepted: \.bmp \.heic"),
        ([tmp_path / "notes.txt", tmp_path / "gone"], r"gone: no such photo\n.*notes\.txt: is no photo"),
        ([], "no photos are given"),
    ):
        with pytest.raises(InputError, match=message):
            photos_without(wrong)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="no images"):
        photos_without(empty)


def test_heic_photos(tmp_path, monkeypatch):
    shutil.copy(HEIC, tmp_path / "IMG_1.HEIC")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pi_heif", None)
        for read in (photos_with_positions, photos_without):
            with pytest.raises(
                InputError, match=r"1 photos are HEIC files \(IMG_1\.HEIC\), .*pip install 'geoloc\[heic\]'"
            ):
                read([tmp_path / "IMG_1.HEIC"])
    pytest.importorskip("pi_heif")
    places = photos_with_positions(tmp_path)
    assert places.names.tolist() == ["IMG_1.HEIC"]
    assert places.xy[0] == pytest.approx(from_latlon(np.array([[LAT, LON]]))[0][0], abs=0.1)
    (path,) = photos_without(tmp_path)
    assert read_image(path).size == (64, 48)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("", ""),
        ("2024", "2024"),
        ("20240601", "2024-06-01"),
        ("20240601_12", "2024-06-01T12:00"),
        ("20240601120059", "2024-06-01T12:00:59"),
        ("20241301", ""),  # no such month
        ("20240230_120000", ""),
        ("000123", ""),  # the number of a frame
        ("1718031", ""),
        ("2024-06-01T12:00:00Z", "2024-06-01T12:00:00+00:00"),
        ("None", ""),
    ],
)
def test_times_of_names(tmp_path, text, time):
    write_image(tmp_path / name_of(500_000, time=text), seed=0)
    assert photos_with_positions(tmp_path).times.tolist() == [time]
