import math
from dataclasses import replace

import numpy as np
import pytest
import utm
from bad_server import serving, zipped
from matlab import contents, save_dbstruct
from mini import name_of, write_image
from PIL import Image

from geoloc.data.domains import folder
from geoloc.data.prepare import tokyo247, tokyo_night
from geoloc.data.prepare.command import main
from geoloc.data.prepare.write import write
from geoloc.errors import InputError

PANO = "L-NLvGeZ6JHX6JO8Xnf_BA"
DATABASE = {f"03814/{PANO}_012_{yaw:03}.jpg": (381460.5, 3946120.25) for yaw in (0, 30, 330)}
# Two views of Shibuya, three times each. Numbers 10 and 82 are of photos by day.
QUERIES = {f"{number:05}.jpg": (35.6580 + number / 1e5, 139.7016) for number in (10, 11, 12, 82, 83, 84)}
LETTERS = "DSNDSN"


def positions():
    return {name: utm.from_latlon(lat, lon)[:2] for name, (lat, lon) in QUERIES.items()}


def write_queries(home, rows=None):
    """Photos of 800 x 600 pixels, as a phone held upright takes them, and what is said of each."""
    for letter, (name, (lat, lon)) in zip(LETTERS, QUERIES.items(), strict=True):
        write_image(home / name, seed=int(name[:5]), size=(800, 600))
        row = f"{name},{lat},{lon},0,0,{letter}\n" if rows is None else rows(name, lat, lon, letter)
        (home / name).with_suffix(".csv").write_text(row)


def raw_set(raw, queries="247query_subset_v2", database=".", struct="datasets", rows=None):
    for seed, name in enumerate(DATABASE):
        write_image((raw / database / name).with_suffix(".png"), seed, size=(48, 64))
    write_queries(raw / queries, rows)
    save_dbstruct(raw / struct / "tokyo247.mat", DATABASE, positions())
    return raw


def test_database(tmp_path):
    raw = raw_set(tmp_path / "raw")
    write(tokyo247.plan(raw), tmp_path / "tokyo247")
    database = folder(tmp_path / "tokyo247").database
    assert set(database.zones.tolist()) == {"54 north"}
    assert database.xy.tolist() == [[381460.5, 3946120.25]] * 3
    fields = [name.split("@") for name in database.names.tolist()]
    assert [(parts[7], parts[8], parts[15]) for parts in fields] == [
        (PANO, tile, ".jpg") for tile in ("00", "01", "11")
    ]
    originals = [np.asarray(Image.open((raw / name).with_suffix(".png")), np.float32) for name in DATABASE]
    for row in range(3):  # the same pictures, now in JPEG
        with Image.open(database.path(row)) as image:
            assert (image.format, image.size) == ("JPEG", (64, 48))
            differences = [np.abs(np.asarray(image, np.float32) - original).mean() for original in originals]
        assert [difference < 10 for difference in differences] == [other == row for other in range(3)]


@pytest.mark.parametrize("queries", ["247query_subset_v2", "247query_v3", "query", "tokyo247/247query_subset_v2"])
def test_queries(tmp_path, queries):
    write(tokyo247.plan(raw_set(tmp_path / "raw", queries)), tmp_path / "out")
    domain = folder(tmp_path / "out")
    assert domain.queries.notes.tolist() == ["day", "sunset", "night"] * 2
    assert domain.queries.conditions.tolist() == ["day", "sunset", "night"] * 2
    assert np.allclose(domain.queries.xy, list(positions().values()), atol=0.006)
    fields = [name.split("@") for name in domain.queries.names.tolist()]
    assert [parts[7] for parts in fields] == ["00010", "00011", "00012", "00082", "00083", "00084"]
    assert fields[0][3:7] == ["54", "S", "035.65810", "0139.70160"]
    with Image.open(domain.queries.path(0)) as image:
        assert image.size == (480, 640)  # 800 x 600 pixels high and wide, shrunk by 0.8


def test_full_size(tmp_path):
    raw = raw_set(tmp_path / "raw")
    assert main(["tokyo247", str(raw), "--out", str(tmp_path / "out"), "--full-size"]) == 1
    queries = folder(tmp_path / "out").queries
    assert queries.path(0).samefile(raw / "247query_subset_v2/00010.jpg")
    assert Image.open(queries.path(0)).size == (600, 800)


def test_sizes_are_not_mixed(tmp_path, capsys):
    raw, out = raw_set(tmp_path / "raw"), tmp_path / "out"
    assert main(["tokyo247", str(raw), "--out", str(out)]) == 1
    before = contents(out)
    assert main(["tokyo247", str(raw), "--out", str(out), "--full-size"]) == 2
    assert (
        f"error: {out}: was prepared as tokyo247 (queries with a shorter side of 480 pixels), not as tokyo247 (queries"
        " at full size)" in capsys.readouterr().err
    )
    assert contents(out) == before


def test_command_line(tmp_path, capsys):
    raw, out = raw_set(tmp_path / "raw"), tmp_path / "out"
    before = contents(raw)
    assert main(["tokyo247", str(raw), "--out", str(out)]) == 1
    shown = capsys.readouterr()
    assert "9 converted" in shown.out
    assert "warning: test/database: 3 photos, but 75,984 are published" in shown.err
    assert "warning: test/queries: 6 photos, but 315 are published" in shown.err
    made = {path: path.stat().st_mtime_ns for path in out.rglob("*.jpg")}
    assert len(made) == 9
    assert main(["tokyo247", str(raw), "--out", str(out)]) == 1
    assert "9 there already" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.jpg")} == made
    assert contents(raw) == before


@pytest.mark.parametrize("place", ["images", "database_gsv_vga", "tokyo247"])
def test_other_places_of_the_database(tmp_path, place):
    plan = tokyo247.plan(raw_set(tmp_path, database=place, struct="."))
    assert [photo.source.parent for photo in plan.sides["test/database"]] == [tmp_path / place / "03814"] * 3
    assert all(photo.source.is_file() for photo in plan.sides["test/database"])


def test_a_database_that_is_jpeg_already_is_linked(tmp_path):
    raw = raw_set(tmp_path / "raw")
    for seed, name in enumerate(DATABASE):
        (raw / name).with_suffix(".png").unlink()
        write_image(raw / name, seed)
    summary = write(tokyo247.plan(raw), tmp_path / "out")
    assert summary.ways == {"linked": 3, "converted": 6}


def test_photos_that_the_struct_does_not_list_are_counted(tmp_path, capsys):
    raw = raw_set(tmp_path / "raw", "247query_v3")
    for number in (1, 2, 3):
        write_image(raw / f"247query_v3/{number:05}.jpg", number)
    assert main(["tokyo247", str(raw), "--out", str(tmp_path / "out")]) == 1
    assert "3 photos of 247query_v3 are left out: tokyo247.mat does not list them" in capsys.readouterr().out


def test_the_number_stands_in_for_a_csv_without_time_of_day(tmp_path):
    plan = tokyo247.plan(raw_set(tmp_path, rows=lambda name, lat, lon, letter: f"{name},{lat},{lon}\n"))
    assert [photo.note for photo in plan.sides["test/queries"]] == ["day", "sunset", "night"] * 2
    assert plan.notes == ["6 csv files do not say the time of day; it is taken from the number of the photo"]


def test_the_csv_counts_where_the_number_says_another_time(tmp_path):
    rows = lambda name, lat, lon, letter: f"{name},{lat},{lon},0,0,{'N' if name == '00010.jpg' else letter}\n"  # noqa: E731
    plan = tokyo247.plan(raw_set(tmp_path, rows=rows))
    assert [photo.note for photo in plan.sides["test/queries"]] == [
        "night",
        "sunset",
        "night",
        "day",
        "sunset",
        "night",
    ]
    assert plan.notes == ["1 csv files say another time of day than the number of the photo; the csv files count"]


def test_a_csv_that_moves_a_query_is_counted(tmp_path):
    rows = lambda name, lat, lon, letter: f"{name},{lat + 0.001 * (letter == 'N')},{lon},0,0,{letter}\n"  # noqa: E731
    plan = tokyo247.plan(raw_set(tmp_path, rows=rows))
    meters = round(0.001 * 111_320 * (1 - 0.0067 * (1 - 1.5 * math.sin(math.radians(35.66)) ** 2)))  # of latitude
    (note,) = plan.notes
    assert note.startswith("2 queries lie more than 25 m from where tokyo247.mat has them, up to ")
    assert abs(int(note.split("up to ")[1].split()[0]) - meters) <= 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (lambda *_: "", "6 of 6 queries have no csv that could be read"),
        (lambda name, lat, lon, _: f"{name};{lat};{lon}\n", "6 of 6 queries have no csv"),
        (lambda name, lat, lon, _: f"{name},{lon},{lat}\n", "6 of 6 queries have no csv"),
        (lambda name, lat, lon, _: f"{name},nan,{lon}\n", "6 of 6 queries have no csv"),
        (lambda name, lat, lon, _: f"{name},{lat + 1},{lon}\n", "111 km from where .*tokyo247.mat has this query"),
    ],
)
def test_wrong_csv_files_are_refused(tmp_path, rows, message):
    with pytest.raises(InputError, match=message):
        tokyo247.plan(raw_set(tmp_path, rows=rows))


def test_missing_files_are_named(tmp_path, capsys):
    raw, out = raw_set(tmp_path / "raw"), tmp_path / "out"
    (raw / "247query_subset_v2/00011.csv").unlink()
    assert main(["tokyo247", str(raw), "--out", str(out)]) == 2
    assert "1 of 6 queries have no csv that could be read (00011.csv)" in capsys.readouterr().err
    write_queries(raw / "247query_subset_v2")
    gone = (raw / "03814" / f"{PANO}_012_330.png", raw / "247query_subset_v2/00012.jpg")
    for path in gone:
        path.unlink()
    assert main(["tokyo247", str(raw), "--out", str(out)]) == 2
    assert f"2 of 9 photos are missing in the raw set ({gone[0]}, {gone[1]})" in capsys.readouterr().err
    (raw / "datasets/tokyo247.mat").unlink()
    assert main(["tokyo247", str(raw), "--out", str(out)]) == 2
    assert f"error: tokyo247.mat: in none of {raw}, {raw}/datasets" in capsys.readouterr().err
    assert not out.exists()


def test_tiles_with_other_names_are_refused(tmp_path):
    raw = raw_set(tmp_path)
    save_dbstruct(raw / "datasets/tokyo247.mat", {"03814/tile.jpg": (381460.5, 3946120.25)}, positions())
    with pytest.raises(InputError, match=r"tokyo247\.mat: tile\.png is not named like PANORAMA_012_000\.png"):
        tokyo247.plan(raw)


def test_night_third(tmp_path, capsys):
    raw, out = raw_set(tmp_path / "raw"), tmp_path / "out"
    assert main(["tokyo_night", str(raw), "--out", str(out)]) == 1
    shown = capsys.readouterr()
    assert "4 queries by day and at sunset are left out" in shown.out
    assert "test/queries: 2 photos, but 105 are published" in shown.err
    domain = folder(out)
    assert len(domain.database) == 3
    assert domain.queries.notes.tolist() == ["night", "night"]
    assert [name.split("@")[7] for name in domain.queries.names.tolist()] == ["00012", "00084"]


def test_night_queries_of_another_folder(tmp_path, capsys):
    raw, out, night = raw_set(tmp_path / "raw"), tmp_path / "out", tmp_path / "night"
    first = write_image(night / "@0381000.50@3946000.00@54@S@035.65@139.69@q7@03@@@@@20140905_2130@@.jpg", 1)
    write_image(night / "@0381200.00@3946000.00@54@S@@@q8@@@@@@@night_shibuya@.jpg", 2)
    assert main(["tokyo_night", str(raw), "--out", str(out), "--queries", str(night)]) == 1
    assert "2 linked" in capsys.readouterr().out
    queries = folder(out).queries
    assert queries.xy.tolist() == [[381000.5, 3946000.0], [381200.0, 3946000.0]]
    assert queries.notes.tolist() == ["night", "night_shibuya"]
    assert queries.shots.tolist() == ["q7 20140905_2130", ""]
    assert queries.path(0).samefile(first)


def test_queries_of_another_city_are_refused(tmp_path):
    write_image(tmp_path / "night" / name_of(500_000), 0)
    with pytest.raises(InputError, match=r"night: lies in UTM zone 17 north, but Tokyo in 54 north"):
        tokyo_night.plan(raw_set(tmp_path / "raw"), queries=tmp_path / "night")


def test_full_size_of_another_folder_has_no_meaning(tmp_path, capsys):
    raw = raw_set(tmp_path / "raw")
    assert main(["tokyo_night", str(raw), "--queries", str(tmp_path), "--full-size"]) == 2
    assert "--full-size has no meaning with --queries" in capsys.readouterr().err


def test_queries_need_no_form(tmp_path, capsys, monkeypatch):
    """The rest does: the line says from where, and what --download has got stays."""
    write_queries(tmp_path / "set" / "247query_subset_v2")
    with serving() as server:
        server.files["/q.zip"] = zipped(contents(tmp_path / "set"))
        download = replace(tokyo247.DOWNLOADS[0], url=f"{server.address}/q.zip")
        monkeypatch.setattr(tokyo247, "DOWNLOADS", (download,))
        assert main(["tokyo247", str(tmp_path / "raw"), "--download"]) == 2
    printed = capsys.readouterr()
    assert "247query_subset_v2.zip: 12 files unpacked" in printed.out
    assert printed.err.endswith(f"netvlad_v100_datasets. {tokyo247.HOW}\n")
    assert (tmp_path / "raw" / "247query_subset_v2" / "00010.csv").is_file()


def test_yaw_may_have_fewer_digits(tmp_path):
    raw = raw_set(tmp_path)
    save_dbstruct(raw / "datasets" / "tokyo247.mat", {f"03814/{PANO}_012_0.jpg": (381460.5, 3946120.25)}, positions())
    (tile,) = tokyo247.plan(raw).sides["test/database"]
    assert (tile.pano, tile.tile) == (PANO, "00")
