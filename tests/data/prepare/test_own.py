"""How own photos become queries, database and splits, from the command line to the domain."""

import csv

import numpy as np
from phone import LAT, LON, gps, rational, write_photo, write_street

from geoloc.data.domains import folder
from geoloc.data.prepare import command


def prepare(raw, out, *options):
    return command.main(["photos", str(raw), "--out", str(out), *options])


def left_out(out):
    with (out / "left_out.csv").open(newline="") as file:
        return {row["file"]: row["reason"] for row in csv.DictReader(file)}


def test_queries_by_date(tmp_path, capsys):
    write_street(tmp_path / "raw", 6)
    write_photo(tmp_path / "raw/timeless.jpg", gps(LAT, LON))
    assert prepare(tmp_path / "raw", tmp_path / "city", "--split-by", "time", "--queries-after", "2024-06-05") == 0
    domain = folder(tmp_path / "city")
    assert [name.split("@")[7] for name in domain.queries.names] == ["IMG_0004", "IMG_0005"]
    assert left_out(tmp_path / "city") == {"timeless.jpg": "no time, or not exact enough"}
    # Database: 0 to 3, queries 4 and 5; 5 is 22.2 m from 3.
    assert "have no database photo" not in capsys.readouterr().out
    assert prepare(tmp_path / "raw", tmp_path / "b", "--queries-after", "2024-06-05", "--near", "15") == 0
    assert "1 of 2 queries of test have no database photo within 15 m" in capsys.readouterr().out


def test_no_photo_of_such_a_date(tmp_path, capsys):
    write_street(tmp_path / "raw", 3)
    assert prepare(tmp_path / "raw", tmp_path / "city", "--queries-after", "2025-01-01") == 2
    assert "raw: test/queries would have no photos; the times are 20240601_100000 to 20240603_100000" in (
        capsys.readouterr().err
    )


def test_queries_by_folder(tmp_path, capsys):
    write_street(tmp_path / "raw/monday", 3)
    write_street(tmp_path / "raw/tuesday/left", 3)
    assert prepare(tmp_path / "raw", tmp_path / "city", "--query-folders", "tuesday/") == 0
    assert all(name.split("@")[7].startswith("tuesday-left-IMG") for name in folder(tmp_path / "city").queries.names)
    assert prepare(tmp_path / "raw", tmp_path / "b", "--query-folders", "monday,wednesday") == 2
    assert "no photos in wednesday; the folders are monday, tuesday/left" in capsys.readouterr().err


def test_splits_by_area(tmp_path, capsys):
    write_street(tmp_path / "raw", 40)
    assert prepare(tmp_path / "raw", tmp_path / "city", "--splits", "train:50,val:25,test:25", "--spacing", "5") == 0
    north = {split: folder(tmp_path / "city", split) for split in ("train", "val", "test")}
    bounds = []
    for domain in north.values():
        both = np.concatenate([domain.database.xy, domain.queries.xy])[:, 1]
        bounds.append((both.min(), both.max()))
        assert (domain.positives(25).counts > 0).all()
    # From south to north, 11.1 m apart: at each cut the photos on both sides of it, 5.55 m away, are in the gap.
    assert [round((high - low) / 11.1) for low, high in bounds] == [18, 7, 8]
    assert [round((bounds[i + 1][0] - bounds[i][1]) / 11.1) for i in (0, 1)] == [3, 3]
    assert set(left_out(tmp_path / "city").values()) == {"in the gap of 25 m between splits"}
    assert len(left_out(tmp_path / "city")) == 4


def test_spacing_keeps_the_first_of_each_place(tmp_path):
    write_street(tmp_path / "raw", 8)
    write_photo(tmp_path / "raw/other_way.jpg", gps(LAT, LON, x11=rational(180)))
    write_photo(tmp_path / "raw/this_way.jpg", gps(LAT, LON, x11=rational(10)))
    assert prepare(tmp_path / "raw", tmp_path / "city", "--spacing", "20", "--near", "40") == 0
    # Every second photo of the street is less than 20 m from the one before; the last two look no unknown way, but
    # IMG_0000 says no heading and so looks as they do.
    names = {"IMG_0001.jpg", "IMG_0003.jpg", "IMG_0005.jpg", "IMG_0007.jpg", "other_way.jpg", "this_way.jpg"}
    assert left_out(tmp_path / "city") == dict.fromkeys(names, "nearer than 20 m to another")
