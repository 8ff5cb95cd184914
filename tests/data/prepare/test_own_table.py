import csv

import pytest
import utm
from mini import write_image

from geoloc.data.domains import folder
from geoloc.data.prepare import command
from geoloc.errors import InputError


def write_table(root, header, *rows):
    """A table, and for each row the image that its first cell names."""
    for seed, row in enumerate(rows):
        write_image(root / row.split(",")[0], seed, size=(8, 8))
    (root / "city.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return root / "city.csv"


def prepare(table, out, *options):
    return command.main(["table", str(table), "--out", str(out), *options])


def read_csv(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def field(names, number):
    return [name.split("@")[number] for name in names.tolist()]


def test_degrees_with_sides_and_splits(tmp_path):
    table = write_table(
        tmp_path,
        "path,lat,lon,split,side,note,time,heading",
        "a.jpg,45.0,7.0,train,database,day,2024-06-01T14:00:00+02:00,359.8",
        "deep/b.PNG,45.0001,7.0,train,queries,night,202406,",
        "c.jpg,46.0,7.0,test,database,,,90",
        "d.jpg,46.0001,7.0,test,queries,,20240601_120000,",
    )
    assert prepare(table, tmp_path / "out") == 0
    train, test = folder(tmp_path / "out", "train"), folder(tmp_path / "out", "test")
    assert train.database.xy[0] == pytest.approx(utm.from_latlon(45.0, 7.0)[:2], abs=0.01)
    assert test.queries.xy[0] == pytest.approx(utm.from_latlon(46.0001, 7.0)[:2], abs=0.01)
    assert (train.database.notes[0], train.queries.notes[0], train.queries.conditions[0]) == ("day", "night", "night")
    assert field(train.database.names, 13) + field(train.queries.names, 13) == ["20240601_120000", "202406"]
    assert field(train.database.names, 9) + field(test.database.names, 9) == ["000", "090"]
    assert train.queries.names[0].endswith(".png")
    assert not list((tmp_path / "out").rglob("database.csv"))  # the names say all


def test_metres_with_and_without_a_zone(tmp_path):
    rows = ("500000,4000000", "500010,4000000", "500020.5,4000000")
    with_zone = write_table(
        tmp_path / "a", "path,east,north,zone", *(f"{k}.jpg,{row},17t" for k, row in enumerate(rows))
    )
    without = write_table(tmp_path / "b", "path,east,north", *(f"{k}.jpg,{row}" for k, row in enumerate(rows)))
    for table, zone in ((with_zone, ("17", "T")), (without, ("", ""))):
        assert prepare(table, table.parent / "out", "--query-share", "0.34") == 0
        domain = folder(table.parent / "out")
        found = {tuple(xy) for side in (domain.database, domain.queries) for xy in side.xy.tolist()}
        assert found == {(500_000, 4_000_000), (500_010, 4_000_000), (500_020.5, 4_000_000)}
        assert len(domain.queries) == 1
        assert (field(domain.queries.names, 3)[0], field(domain.queries.names, 4)[0]) == zone
        lat = field(domain.queries.names, 5)[0]
        assert (float(lat) == pytest.approx(36.14, abs=0.01)) if zone[0] else lat == ""


def test_extra_columns_are_kept_in_tables_that_agree_with_the_names(tmp_path):
    table = write_table(
        tmp_path,
        'path,lat,lon,side,condition,camera,"remark, free"',
        'a.jpg,45.0,7.0,database,rain,front,"wet, dark"',
        "b.jpg,45.0001,7.0,queries,,rear,",
        "c.jpg,45.0002,7.0,database,fog,rear,",
    )
    assert prepare(table, tmp_path / "out") == 0
    domain = folder(tmp_path / "out")
    rows = read_csv(tmp_path / "out/images/test/database.csv")
    assert [row["path"] for row in rows] == domain.database.names.tolist()
    assert [row["remark, free"] for row in rows] == ["wet, dark", ""]
    assert [row["camera"] for row in read_csv(tmp_path / "out/images/test/queries.csv")] == ["rear"]
    assert domain.database.conditions.tolist() == ["rain", "fog"]
    for side in (domain.database, domain.queries):
        for name, (east, north) in zip(side.names.tolist(), side.xy, strict=True):
            fields = name.split("@")
            assert (east, north) == pytest.approx((float(fields[1]), float(fields[2])), abs=0.0051)
    assert prepare(table, tmp_path / "out") == 0  # again


def test_absolute_paths_and_rows_without_a_position(tmp_path, capsys):
    write_image(tmp_path / "elsewhere/x.jpg", 0)
    table = write_table(
        tmp_path / "raw", "path,lat,lon", "a.jpg,45.0,7.0", "b.jpg,45.0001,7.0", "c.jpg,,", "d.jpg,0,0", "e.jpg,89,7"
    )
    with table.open("a") as file:
        file.write(f"{tmp_path}/elsewhere/x.jpg,45.0002,7.0\n")
    assert prepare(table, tmp_path / "out") == 0
    assert {row["file"]: row["reason"] for row in read_csv(tmp_path / "out/left_out.csv")} == {
        "c.jpg": "no position",
        "d.jpg": "position 0, 0",
        "e.jpg": "too near a pole for UTM",
    }
    assert "3 photos are left out" in capsys.readouterr().out
    domain = folder(tmp_path / "out")
    assert len(domain.database) + len(domain.queries) == 3


def test_several_zones(tmp_path):
    rows = [
        "a.jpg,736000,4985000,31T",
        "b.jpg,736010,4985000,31T",
        "c.jpg,264000,4985000,32T",
        "d.jpg,264010,4985000,32T",
    ]
    assert prepare(write_table(tmp_path / "a", "path,east,north,zone", *rows), tmp_path / "a/out", "--seed", "3") == 0
    names = [path.name for path in (tmp_path / "a/out").rglob("*.jpg")]
    assert sorted(name.split("@")[3] for name in names) == ["31", "31", "32", "32"]


@pytest.mark.parametrize(
    ("header", "rows", "options", "message"),
    [
        ("path,x,y", ["a.jpg,1,2"], [], "needs columns path,east,north or path,lat,lon; it has path,x,y"),
        ("path;lat;lon", ["a.jpg"], [], r"it has path;lat;lon \(cells must be parted by commas, not ';'\)"),
        ("path,lat,lon", ["a.jpg,45,7", "./a.jpg,45,7"], [], r"1 photos are listed twice \(a.jpg\)"),
        ("path,lat,lon", ["a.jpg,north,7"], [], "the row a.jpg: lat 'north' is no number"),
        ("path,lat,lon", ["a.jpg,nan,7"], [], "the row a.jpg: lat 'nan' is no number"),
        ("path,lat,lon,side", ["a.jpg,45,7,quer"], [], "the column side must say database or queries .*'quer'"),
        (
            "path,lat,lon,split",
            ["a.jpg,45,7,test", "b.jpg,45,7,"],
            [],
            "the column split must say train or val or test",
        ),
        ("path,lat,lon,side", ["a.jpg,45,7,queries"], ["--seed", "1"], "has a column side, so --split-by"),
        ("path,lat,lon,split", ["a.jpg,45,7,test"], ["--splits", "val"], "has a column split, so --splits cannot"),
        ("path,lat,lon,side", ["a.jpg,45,7,queries"], [], "test/database would have no photos; see its column side"),
        ("path,lat,lon,heading", ["a.jpg,45,7,400"], [], "the heading 400 must lie between 0 and 360"),
        ("path,lat,lon,time", ["a.jpg,45,7,noon"], [], "'noon' is no time such as 20240601_120000"),
        ("path,lat,lon,condition", ["a.jpg,45,7,so so"], [], "the row a.jpg: the condition 'so so' must be one word"),
        (
            "path,lat,lon,note",
            [f"a.jpg,45,7,{'x' * 300}", "b.jpg,45,7,"],
            ["--query-share", "0.5"],
            "a.jpg: its new name would have more than 255",
        ),
        (
            "path,lat,lon,side",
            ["a.jpg,45,7,queries", "b.jpg,,,database"],
            [],
            "left out are no position: 1 \\(b.jpg\\)",
        ),
        ("path,east,north,zone", ["a.jpg,500000,4000000,17I"], [], "'17I' is no UTM zone such as 17T"),
        ("path,east,north,zone", ["a.jpg,500000,4000000,61T"], [], "'61T' is no UTM zone such as 17T"),
        ("path,east,north,zone", ["a.jpg,500000,4000000,017T"], [], "'017T' is no UTM zone such as 17T"),
        ("path,east,north,zone", ["a.jpg,4000000,500000,17T"], [], "lies outside UTM: the easting comes first"),
        (
            "path,east,north,zone",
            ["a.jpg,500000,4000000,17T", "b.jpg,500000,4000000,"],
            [],
            "photos in several UTM zones \\(unknown, 17T\\) need the zone",
        ),
        (
            "path,lat,lon",
            ["a.jpg,45,7"],
            [],
            "test/queries would have no photos; a query needs another photo within 25 m",
        ),
    ],
)
def test_wrong_tables_are_refused(tmp_path, capsys, header, rows, options, message):
    table = write_table(tmp_path, header, *rows)
    assert prepare(table, tmp_path / "out", *options) == 2
    with pytest.raises(InputError, match=message):
        raise InputError(capsys.readouterr().err.removeprefix("error: "))
    assert not (tmp_path / "out").exists()


def test_missing_photos_and_other_files(tmp_path, capsys):
    table = write_table(tmp_path, "path,lat,lon,side", "a.jpg,45,7,database", "b.jpg,45,7,queries")
    (tmp_path / "a.jpg").unlink()
    assert prepare(table, tmp_path / "out") == 2
    assert "1 of 2 photos are missing in the raw set" in capsys.readouterr().err
    table.write_text("path,lat,lon\na.tiff,45,7\n")
    assert prepare(table, tmp_path / "out") == 2
    assert "the row a.tiff: is no image (accepted: .bmp .heic .heif .jpeg .jpg .png .webp)" in capsys.readouterr().err
    assert prepare(tmp_path, tmp_path / "out") == 2
    assert f"{tmp_path}: is no file. RAW is a CSV file" in capsys.readouterr().err


def test_near_is_what_the_names_say_and_not_what_they_round(tmp_path, capsys):
    # sqrt(15.0002^2 + 19.995^2) = 24.996 m apart; as names round them sqrt(15.01^2 + 20^2) = 25.006 m.
    table = write_table(tmp_path, "path,east,north", "a.jpg,500000.0049,4000000.0049", "b.jpg,500015.0051,4000019.9999")
    assert prepare(table, tmp_path / "out", "--query-share", "0.5") == 2
    assert "a query needs another photo within 25 m" in capsys.readouterr().err


def test_degrees_under_the_names_of_metres_are_said(tmp_path, capsys):
    table = write_table(tmp_path, "path,east,north", "a.jpg,11.575,48.137", "b.jpg,11.576,48.137")
    assert prepare(table, tmp_path / "out", "--query-share", "0.5") == 0
    assert "if these are degrees, the columns must be called lat,lon" in capsys.readouterr().out


def test_a_local_frame_is_said(tmp_path, capsys):
    table = write_table(tmp_path, "path,east,north", "a.jpg,1,2", "b.jpg,-3.5,2")
    assert prepare(table, tmp_path / "out", "--query-share", "0.5") == 0
    assert "2 positions lie outside UTM: read the set with coordinates=local" in capsys.readouterr().out
    domain = folder(tmp_path / "out", coordinates="local")
    assert sorted([*domain.database.xy.tolist(), *domain.queries.xy.tolist()]) == [[-3.5, 2], [1, 2]]
