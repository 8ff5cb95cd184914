import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import utm
from mini import write_image

from geoloc.data.domains import folder as read_domain
from geoloc.data.prepare import msls
from geoloc.data.prepare.command import main
from geoloc.data.prepare.msls_tables import table_positions
from geoloc.data.prepare.write import write
from geoloc.data.protocols import Protocol
from geoloc.data.readers import read_places
from geoloc.errors import InputError

RAW = ["", "key", "lon", "lat", "ca", "captured_at", "pano"]
DERIVED = ["", "key", "easting", "northing", "unique_cluster", "control_panel", "night", "view_direction"]
SUBTASKS = ["", "key", "all", "s2w", "w2s", "o2n", "n2o", "d2n", "n2d"]
# Corner of each city: easting and northing of its tables, the zone that they are in, whether north.
CORNERS = {
    "cph": (723_923.0044, 6_177_544.1008, 32, True),  # the first photo of the published database; 12.56 degrees east
    "sf": (545_000.0, 4_180_000.0, 10, True),
    "amsterdam": (628_000.0, 5_804_000.0, 31, True),
    "paris": (452_000.0, 5_411_000.0, 31, True),
    "miami": (580_000.0, 2_850_000.0, 17, True),
}


@dataclass
class Frame:
    """One photo of a raw set: `east` metres from the city's corner."""

    key: str
    east: float
    night: bool = False
    view: str = "Forward"
    pano: bool = False
    asked: bool = True
    off: float = 0.0  # metres by which the table of positions is wrong
    ca: str = "296.7"


def write_side(folder: Path, city: str, frames: list[Frame], labels: bool = True) -> None:
    """The published files of one side of one city."""
    east, north, zone, northern = CORNERS[city]
    raw, derived, sequences, subtasks = [], [], [], []
    for row, frame in enumerate(frames):
        lat, lon = utm.to_latlon(east + frame.east, north, zone, northern=northern, strict=False)
        raw.append([row, frame.key, f"{lat:.9f}", f"{lon:.9f}", frame.ca, "2017-05-21", frame.pano])
        raw[-1][2:4] = reversed(raw[-1][2:4])  # longitude comes first
        position = [east + frame.east + frame.off, north]
        derived.append([row, frame.key, *position, 0, False, frame.night, frame.view])
        sequences.append([row, frame.key, "s", row])
        subtasks.append([row, frame.key, frame.asked, *[False] * 6])
        write_image(folder / "images" / f"{frame.key}.jpg", seed=row)
    tables = [
        ("seq_info", ["", "key", "sequence_key", "frame_number"], sequences),
        ("subtask_index", SUBTASKS, subtasks),
    ]
    for name, header, rows in tables + ([("raw", RAW, raw), ("postprocessed", DERIVED, derived)] if labels else []):
        with (folder / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])


COPENHAGEN = {
    "database": [
        Frame("dA-_", 0),
        Frame("dB", 100, night=True, view="Backward", ca=""),
        Frame("dPano", 200, pano=True),
    ],
    "query": [
        Frame("qNear", 10),
        Frame("qFar", 60),  # 40 m from dB
        Frame("qOther", 105, night=True, view="Sideways", asked=False),
        Frame("qPano", 0, pano=True),
        Frame("qByPano", 210),  # 10 m from the panorama alone
    ],
}
SAN_FRANCISCO = {"database": [Frame("sD", 0)], "query": [Frame("sQ", 24.9), Frame("sFar", 25.1)]}


@pytest.fixture
def raw(tmp_path):
    """Copenhagen and San Francisco; the photos of the latter lie nowhere near."""
    for city, sides in (("cph", COPENHAGEN), ("sf", SAN_FRANCISCO)):
        for side, frames in sides.items():
            write_side(tmp_path / "raw" / "train_val" / city / side, city, frames)
    return tmp_path / "raw"


def keys(photos):
    return [photo.pano for photo in photos]


def state(folder):
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def test_the_two_protocols_of_the_validation_cities(raw):
    made = msls.plan(raw)
    assert list(made.sides) == ["val/database", "val/queries", "val/queries_11k"]
    assert keys(made.sides["val/database"]) == ["dA-_", "dB", "sD"]
    assert keys(made.sides["val/queries"]) == ["qNear", "sQ"]
    assert keys(made.sides["val/queries_11k"]) == ["qNear", "qFar", "qOther", "qByPano", "sQ", "sFar"]
    assert made.published == {"val/database": 18_871, "val/queries": 740}
    assert "left out are 2 panoramas of 11 photos" in made.notes
    (line,) = [note for note in made.notes if note.startswith("val/cph")]
    assert line.startswith("val/cph: 2 database photos, 1 queries; left out are 2 queries without a database photo")


def test_both_cities_in_one_domain(raw, tmp_path):
    """They lie in zones 32 and 10; each query is searched in its own."""
    write(msls.plan(raw), tmp_path / "msls")
    domain = read_domain(tmp_path / "msls", "val", protocol=Protocol(groups="folder"))
    assert [name.split("/")[0] for name in domain.database.names] == ["cph", "cph", "sf"]
    near = domain.positives(25)
    assert [near.of(query).tolist() for query in range(2)] == [[0], [2]]
    apart = np.linalg.norm(domain.queries.xy[1] - domain.database.xy, axis=1)
    assert apart[2] == pytest.approx(24.9, abs=0.01)
    assert apart[0] > 8_000_000


def test_names_say_all_that_the_tables_say(raw, tmp_path):
    before = state(raw)
    summary = write(msls.plan(raw), tmp_path / "msls")
    assert state(raw) == before
    assert summary.ways == {"linked": 11}
    base = tmp_path / "msls" / "images" / "val"
    assert sorted(path.name for path in (base / "database" / "cph").iterdir()) == [
        "@0723923.00@6177544.10@32@U@055.69190@0012.56291@dA-_@@297@@@@20170521@day_forward_cph@.jpg",
        "@0724023.00@6177544.10@32@U@055.69186@0012.56450@dB@@@@@@20170521@night_backward_cph@.jpg",
    ]
    (both,) = (base / "queries" / "cph").iterdir()
    same = base / "queries_11k" / "cph" / both.name
    assert both.stat().st_ino == same.stat().st_ino
    assert same.samefile(raw / "train_val" / "cph" / "query" / "images" / "qNear.jpg")
    (san_francisco,) = (base / "database" / "sf").iterdir()
    assert san_francisco.name.startswith("@0545000.00@4180000.00@10@S@")


def test_a_city_is_read_as_a_domain(raw, tmp_path):
    (raw / "train_val" / "sf").rename(tmp_path / "sf")
    write(msls.plan(raw), tmp_path / "msls")
    official = read_domain(tmp_path / "msls", "val")
    assert len(official.database) == 2
    np.testing.assert_allclose(official.database.xy, [[723923.0, 6177544.1], [724023.0, 6177544.1]])
    assert official.database.notes.tolist() == ["day_forward_cph", "night_backward_cph"]
    assert official.database.conditions.tolist() == ["day", "night"]
    assert official.positives(25).of(0).tolist() == [0]
    every = read_domain(tmp_path / "msls", "val", "queries_11k")
    np.testing.assert_allclose(every.queries.xy[:, 0], [723933.0, 723983.0, 724028.0, 724133.0])
    assert every.queries.conditions.tolist() == ["day", "day", "night", "day"]
    assert every.queries.notes.tolist()[2] == "night_sideways_cph"
    assert [every.positives(25).of(query).tolist() for query in range(4)] == [[0], [], [1], []]


def test_train_cities_keep_every_query(tmp_path):
    raw = tmp_path / "raw"
    for city in ("amsterdam", "paris"):
        write_side(raw / "train_val" / city / "database", city, [Frame(f"{city}D", 0), Frame(f"{city}P", 1, pano=True)])
        write_side(raw / "train_val" / city / "query", city, [Frame(f"{city}Q", 500, asked=False, view="")])
    made = msls.plan(raw)
    assert {side: len(photos) for side, photos in made.sides.items()} == {"train/database": 2, "train/queries": 2}
    assert made.published == {}
    assert "val: cities that are not there: cph, sf" in made.notes
    assert any(note.startswith("train: cities that are not there: amman, austin, ") for note in made.notes)
    write(made, tmp_path / "msls")
    domain = read_domain(tmp_path / "msls", "train")
    assert [name.split("/")[0] for name in domain.database.names.tolist()] == ["amsterdam", "paris"]
    np.testing.assert_allclose(domain.queries.xy, [[628_500, 5_804_000], [452_500, 5_411_000]])
    assert domain.queries.notes.tolist() == ["day_unknown_amsterdam", "day_unknown_paris"]


def test_positions_that_disagree_with_latitude_and_longitude_are_computed_and_counted(tmp_path):
    raw = tmp_path / "raw"
    frames = [Frame("a", 0, off=0.9), Frame("b", 100, off=1.1), Frame("c", 200)]
    write_side(raw / "train_val" / "paris" / "database", "paris", frames)
    write_side(raw / "train_val" / "paris" / "query", "paris", [Frame("q", 0)])
    made = msls.plan(raw)
    eastings = [photo.east for photo in made.sides["train/database"]]
    np.testing.assert_allclose(eastings, [452_000.9, 452_100.0, 452_200.0], atol=0.002)
    (line,) = [note for note in made.notes if note.startswith("paris")]
    assert line.startswith("paris: 1 positions of postprocessed.csv are more than 1 m from")
    assert "in zone 31" in line


@pytest.mark.parametrize(("lon", "zone"), [(11.9, 32), (12.1, 32), (12.1, 33), (17.9, 34), (-179.9, 60), (0.1, 30)])
def test_the_zone_is_the_one_that_gives_the_numbers_of_the_table(lon, zone):
    latlon = np.array([[50.0, lon], [50.001, lon + 0.001]])
    given = np.array([utm.from_latlon(*row, force_zone_number=zone)[:2] for row in latlon])
    xy, found, computed = table_positions(latlon, given)
    assert (found, computed) == (zone, 0)
    np.testing.assert_allclose(xy, given, atol=1e-6)


def test_northings_south_of_the_equator_may_be_negative():
    latlon = np.array([[-37.81, 144.96]])
    east, north, zone, _ = utm.from_latlon(*latlon[0])
    assert north > 5e6
    for given in (north, north - 1e7):
        xy, found, computed = table_positions(latlon, np.array([[east, given]]))
        assert (found, computed) == (zone, 0)
        np.testing.assert_allclose(xy, [[east, north]], atol=1e-6)


def test_test_cities_are_used_if_their_labels_are_there(raw):
    test = raw / "test" / "miami"
    sides = {"database": [Frame("mD", 0)], "query": [Frame("mQ", 5), Frame("mNot", 5, asked=False)]}
    for side, frames in sides.items():
        write_side(test / side, "miami", frames, labels=False)
    made = msls.plan(raw)
    assert not any(side.startswith("test") for side in made.sides)
    assert "test: cities without raw.csv and postprocessed.csv: miami" in made.notes
    for side, frames in sides.items():
        write_side(test / side, "miami", frames)
    made = msls.plan(raw)
    assert keys(made.sides["test/database"]) == ["mD"]
    assert keys(made.sides["test/queries"]) == ["mQ"]
    assert "test/queries_11k" not in made.sides


def test_the_command_line(raw, tmp_path, capsys):
    before = state(raw)
    assert main(["msls", str(raw), "--out", str(tmp_path / "msls")]) == 1  # not the published numbers
    out, err = capsys.readouterr()
    assert "val/queries_11k          6          -" in out
    assert "val/queries: 2 photos, but 740 are published" in err
    assert len(read_places(tmp_path / "msls" / "images" / "val" / "queries" / "sf")) == 1
    assert main(["msls", str(raw), "--out", str(tmp_path / "msls")]) == 1
    assert "11 there already" in capsys.readouterr().out
    assert state(raw) == before
    (raw / "train_val" / "cph").rename(raw / "train_val" / "paris")
    (raw / "train_val" / "sf").rename(raw / "train_val" / "zurich")
    assert main(["msls", str(raw), "--out", str(tmp_path / "train")]) == 0  # nothing is published of these
    (raw / "train_val" / "paris" / "query" / "images" / "qFar.jpg").unlink()
    assert main(["msls", str(raw), "--out", str(tmp_path / "again")]) == 2
    assert "1 of 9 photos are missing" in capsys.readouterr().err


def edit(table, old, new):
    text = table.read_text()
    assert old in text
    table.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("table", "old", "new", "message"),
    [
        ("raw.csv", "lat", "latitude", "raw.csv: no column lat; it has ,key,lon,latitude,"),
        ("raw.csv", "qFar", "qFor", "raw.csv and postprocessed.csv list different photos"),
        ("raw.csv", "296.7", "west", "raw.csv: ca must be numbers"),
        ("raw.csv", "True", "yes", "raw.csv: pano must be True or False, not 'yes'"),
        ("raw.csv", ",55.", ",155.", "latitude must lie in -80..80"),
        ("postprocessed.csv", "6177544.1008", "", "easting and northing must be finite numbers"),
        ("subtask_index.csv", "all", "every", "subtask_index.csv: no column all"),
        ("subtask_index.csv", "4,qByPano,True,False,False,False,False,False,False\n", "", "4 rows, but raw.csv has 5"),
    ],
)
def test_tables_that_are_not_as_published(raw, table, old, new, message):
    path = raw / "train_val" / "cph" / "query" / table
    path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n"))
    edit(path, old, new)
    with pytest.raises(InputError, match="cph") as error:
        msls.plan(raw)
    assert message in str(error.value)


def test_missing_files_and_folders(raw, tmp_path, capsys):
    (raw / "train_val" / "cph" / "query" / "postprocessed.csv").unlink()
    with pytest.raises(InputError, match=r"postprocessed\.csv: no such file"):
        msls.plan(raw)
    assert main(["msls", str(tmp_path)]) == 2
    assert "train_val: no such folder. Log in at https://www.mapillary.com" in capsys.readouterr().err
    (tmp_path / "train_val").mkdir()
    with pytest.raises(InputError, match="none of the cities of the set"):
        msls.plan(tmp_path)
