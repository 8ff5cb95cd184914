"""Tables of photos; every expected value is worked out by hand from the lines that a test writes."""

import logging

import numpy as np
import pytest
from mini import write_image

from geoloc.data.domains import folder, table
from geoloc.data.manifest import has_split, is_manifest, read_split, splits_of
from geoloc.data.protocols import Protocol
from geoloc.errors import InputError

HEADER = "path,east,north,split,side"


@pytest.fixture
def write(tmp_path):
    """Function: lines -> a manifest with photos a.jpg to f.jpg beside it."""
    for name in "abcdef":
        write_image(tmp_path / f"{name}.jpg", ord(name))

    def written(*lines, name="photos.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return path

    return written


def refused(manifest, split="test"):
    """The lines of the error."""
    with pytest.raises(InputError) as caught:
        read_split(manifest, split, "utm")
    return [
        line.replace(f"{manifest.parent}/", "").replace(str(manifest.parent), "HERE") for line in caught.value.problems
    ]


def row(name, east=500_000, split="test", side="database"):
    return f"{name},{east},4000000,{split},{side}"


def test_the_two_sides_of_a_split_with_all_that_a_row_says(write, tmp_path):
    write_image(tmp_path / "far" / "z.png", 1)
    columns = "side,heading,path,lat,lon,split,note,condition,group,pano,time"
    manifest = write(
        columns,
        "queries,90,far/z.png,45.0,6.0001,test,night_left,,munich,,7",
        "database,91,b.jpg,45.0,5.9999,test,,Rain,munich,p1,8",
        "database,92,./a.jpg,45.0,5.9998,test,,,munich,p1,",
        "database,93,c.jpg,45.0,5.9998,train,,,,,",
    )
    database, queries = read_split(manifest, "test", "utm")
    assert database.names.tolist() == ["a.jpg", "b.jpg"]  # in the order of the paths
    assert queries.names.tolist() == ["far/z.png"]
    assert database.path(1) == tmp_path / "b.jpg"
    assert (database.zones.tolist(), queries.zones.tolist()) == (["31 north"] * 2, ["32 north"])
    assert (database.conditions.tolist(), queries.conditions.tolist()) == (["", "rain"], ["night"])
    assert (queries.notes.tolist(), queries.groups.tolist()) == (["night_left"], ["munich"])
    assert (database.shots.tolist(), queries.shots.tolist()) == (["", "p1 8"], [""])
    # 0.0002 degrees of longitude at latitude 45 are 0.0002 * 111320 m * cos(45 deg) = 15.74 m, across two zones.
    domain = table(manifest)
    assert np.linalg.norm(domain.queries.xy - domain.database.xy[1:]) == pytest.approx(15.75, abs=0.05)
    assert domain.name == "photos"


def test_metres_with_a_zone_a_byte_order_mark_and_the_word_query(write):
    manifest = write(
        f"{HEADER},zone",
        f"{row('a.jpg', 500_010.5)},17T",
        f"{row('b.jpg', 500_000, side='query')},17",
        encoding="utf-8-sig",
    )
    database, queries = read_split(manifest, "test", "utm")
    assert database.xy.tolist() == [[500_010.5, 4_000_000]]
    assert (database.zones.tolist(), queries.zones.tolist()) == (["17 north"], ["17"])
    assert table(manifest).positives(25).counts.tolist() == [1]


def test_photos_anywhere(write, tmp_path, monkeypatch):
    """Absolute paths in the manifest's folder become relative; those elsewhere stay, and ../ does too."""
    here = tmp_path / "lists"
    here.mkdir()
    write_image(here / "in" / "g.jpg", 0)
    lines = [row(tmp_path / "a.jpg"), row("../b.jpg"), row(here / "in" / "g.jpg"), row("../c.jpg", side="queries")]
    manifest = write(HEADER, *lines, name="lists/photos.csv")
    database, _ = read_split(manifest, "test", "utm")
    assert database.names.tolist() == ["../b.jpg", str(tmp_path / "a.jpg"), "in/g.jpg"]
    assert database.path(0).samefile(tmp_path / "b.jpg")
    assert database.path(1).samefile(tmp_path / "a.jpg")
    assert database.path(2) == here / "in" / "g.jpg"
    monkeypatch.chdir(here)
    assert table("photos.csv").database.names.tolist() == database.names.tolist()
    assert table("photos.csv").fingerprint() == table(manifest).fingerprint()


def test_splits_and_what_is_said_of_columns(write, caplog):
    manifest = write(
        f"{HEADER},weather,camera",
        *(
            f"{row(name, split=split, side=side)},x,y"
            for name, split, side in [
                ("a.jpg", "train", "database"),
                ("b.jpg", "train", "queries"),
                ("a.jpg", "val", "database"),
                ("a.jpg", "val", "queries"),
            ]
        ),
    )
    assert splits_of(manifest) == {"train", "val"}
    assert [has_split(manifest, split) for split in ("train", "val", "test")] == [True, True, False]
    with caplog.at_level(logging.INFO):
        domain = table(manifest, "val")  # the same photo on both sides: test warns of it, as with folders
    assert (len(domain.database), len(domain.queries)) == (1, 1)
    assert (
        f"{manifest}: 1 database, 1 queries of val; columns that mean nothing to geoloc: camera, weather"
        in caplog.messages
    )


def test_without_a_column_split_all_rows_are_test_and_the_log_says_so(write, caplog):
    manifest = write("path,east,north,side", "a.jpg,500000,4000000,database", "b.jpg,500000,4000000,queries")
    with caplog.at_level(logging.INFO):
        assert len(table(manifest)) == 2
    assert caplog.messages == [
        f"{manifest}: 1 database, 1 queries of test (there is no column split, so all rows are test)"
    ]
    assert refused(manifest, "val") == [
        "photos.csv: has no rows of val database or val queries, only 1 test database, 1 test queries"
        " (there is no column split, so all rows are test)"
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["path,east,north,split", "a.jpg,1,2,test"],
            "needs columns path,side,east,north or path,side,lat,lon; it has ",
        ),
        (["path,lat,north,side", "a.jpg,1,2,database"], "needs columns path,side,east,north or path,side,lat,lon; it"),
        ([HEADER], "needs columns path,side,east,north or path,side,lat,lon; it has no rows"),
        (["path,east,path,north,side", "a.jpg,1,b.jpg,2,database"], "two columns are called path; rename one"),
        (
            [HEADER, "a.jpg,500000,25,4000000,25,test,database", "b.jpg,1"],
            "the row a.jpg,500000,25,4000000,25... has not",
        ),
        (
            [HEADER, row("a.jpg", split="dev")],
            "the row a.jpg: the split 'dev' must be one of train, val, test (line 2)",
        ),
        ([HEADER, row("a.jpg", split="")], "the row a.jpg: the split '' must be one of train, val, test (line 2)"),
        ([HEADER, row("a.jpg", side="db")], "the row a.jpg: the side 'db' must be database or queries (line 2)"),
        ([HEADER, row("a.jpg"), row("b.jpg", side="queries", split="val")], "has no rows of test queries, only 1 test"),
    ],
)
def test_a_manifest_that_makes_no_sense(write, lines, message):
    (line,) = refused(write(*lines))
    assert line.startswith(f"photos.csv: {message}")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (row("g.jpg"), "photos.csv: the row g.jpg: there is no such file in HERE (line 4)"),
        (
            row("photos.csv"),
            "photos.csv: the row photos.csv: is no image (accepted: .bmp .jpeg .jpg .png .webp, in any",
        ),
        (row("", split="test"), "photos.csv: the row .: is no image (accepted: "),
        (row("./a.jpg"), "photos.csv: the row a.jpg: is listed twice in test database, first in line 2 (line 4)"),
        (
            row("c.jpg", east="here"),
            "photos.csv: the row c.jpg: a position is not a number ('here', '4000000') (line 4)",
        ),
        (row("c.jpg", east="nan"), "photos.csv: the row c.jpg: a position is not a number ('nan', '4000000') (line 4)"),
        (row("c.jpg", east="11.5"), "photos.csv: HERE: c.jpg: position (11.5, 4e+06) lies outside UTM"),
    ],
)
def test_a_wrong_row(write, wrong, message):
    (line,) = refused(write(HEADER, row("a.jpg"), row("b.jpg", side="queries"), wrong))
    assert line.startswith(message)


def test_wrong_cells_of_further_columns(write):
    lines = [f"{row('a.jpg')},17T,day", f"{row('b.jpg', side='queries')},61T,day/night"]
    assert refused(write(f"{HEADER},zone,condition", *lines)) == [
        "photos.csv: the row b.jpg: '61T' is no UTM zone such as 17T (line 3)",
        "photos.csv: the row b.jpg: the condition 'day/night' must be one word of letters, digits and underscores"
        " (line 3)",
    ]
    lines = ["a.jpg,45,6,database", "b.jpg,85,6,queries"]
    assert refused(write("path,lat,lon,side", *lines)) == [
        "photos.csv: the row b.jpg: latitude must lie in -80..84 and longitude in -180..180 degrees (line 3)"
    ]


def test_the_same_photo_by_two_paths(write, tmp_path):
    (tmp_path / "lists").mkdir()
    lines = [row("../a.jpg"), row("../b.jpg", side="queries"), row(tmp_path / "a.jpg")]
    (line,) = refused(write(HEADER, *lines, name="lists/photos.csv"))
    assert line == f"photos.csv: the row {tmp_path}/a.jpg: is listed twice in test database, first in line 2 (line 4)"


def test_each_kind_of_wrong_row_is_one_line_with_its_count_and_first_lines(write):
    lines = [row("a.jpg"), row("b.jpg", side="queries"), *(row(f"gone{n}.jpg", "x") for n in range(7))]
    others = [row("nowhere.jpg", "y", split="train")]  # not of this split
    shown = "(line 4; one of 7 such rows, lines 4, 5, 6, 7, 8, ...)"
    assert refused(write(HEADER, *lines, *others)) == [
        f"photos.csv: the row gone0.jpg: there is no such file in HERE {shown}",
        f"photos.csv: the row gone0.jpg: a position is not a number ('x', '4000000') {shown}",
    ]


def test_files_that_are_no_manifest(tmp_path):
    assert is_manifest("a/Photos.CSV")
    (tmp_path / "city.csv").mkdir()
    assert not is_manifest(tmp_path / "city.csv")
    assert not is_manifest(tmp_path)
    with pytest.raises(InputError, match=r"gone\.csv: cannot be read \(No such file or directory\)"):
        table(tmp_path / "gone.csv")
    (tmp_path / "latin.csv").write_bytes("path,side\né.jpg,database\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"latin\.csv: not a table in UTF-8"):
        table(tmp_path / "latin.csv")
    with pytest.raises(InputError, match=r"latin\.csv: is a file, .* a table of photos is read by data=table"):
        folder(tmp_path / "latin.csv")


def test_a_protocol_goes_with_it(write, tmp_path):
    """Groups are those of the column; a list of queries names them by their paths in the manifest."""
    lines = [
        ("a.jpg", "database", "x"),
        ("b.jpg", "database", "y"),
        ("c.jpg", "queries", "y"),
        ("d.jpg", "queries", "x"),
    ]
    manifest = write(f"{HEADER},group", *(f"{row(name, side=side)},{group}" for name, side, group in lines))
    (tmp_path / "asked.txt").write_text("d.jpg\n")
    domain = table(manifest, protocol=Protocol(groups="column", query_list=str(tmp_path / "asked.txt")))
    assert domain.queries.names.tolist() == ["d.jpg"]
    assert domain.positives(25).of(0).tolist() == [0]


def test_a_manifest_is_found_again_from_anywhere(write, tmp_path, monkeypatch):
    """As a link it counts where it stands, since its paths are relative to that folder."""
    write(HEADER, row("a.jpg"), row("b.jpg", side="queries"), name="real.csv")
    (tmp_path / "x").mkdir()
    write_image(tmp_path / "x" / "a.jpg", 5)
    write_image(tmp_path / "x" / "b.jpg", 6)
    (tmp_path / "x" / "link.csv").symlink_to("../real.csv")
    monkeypatch.chdir(tmp_path / "x")
    domain = table("link.csv")
    assert domain.part.facts() == {"manifest": str(tmp_path / "x" / "link.csv"), "split": "test"}
    assert domain.database.path(0).resolve() == tmp_path / "x" / "a.jpg"
