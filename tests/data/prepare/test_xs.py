import json

import numpy as np
import pytest
from mini import write_image

from geoloc.data.domains import folder as read_domain
from geoloc.data.prepare import layout, sf_xs, tokyo_xs
from geoloc.data.prepare.command import main
from geoloc.data.prepare.write import write
from geoloc.errors import InputError

# Names as they are in the published sets.
SF_NAME = "@0544204.32@4173406.33@10@S@037.70683@-122.49851@TYcjxIohRl--XFaR4OgdxA@@0@@@@201910@@.jpg"
TOKYO_PHOTO = "@0381418.20@3946450.42@54@S@035.65478@0139.69001@JHVdmPpMNQcjBfR7qsWEtA@04@@@@@@@.jpg"
TOKYO_QUERY = "@0381423.71@3946450.15@54@S@035.65786@0139.69112@00687.jpg@@@@@@@@.jpg"


def sf_name(east):
    return SF_NAME.replace("0544204.32", f"{544204.32 + east:010.2f}")


def write_sf(base, queries="queries_v1"):
    """Train 3; val 2 and 1; test 2 and 1."""
    sides = {
        "train/37.70": [0, 1],
        "train/37.71": [2],
        "val/database": [10, 50],
        "val/queries": [12],
        "test/database/37.70": [100, 200],
        f"test/{queries}": [203],
    }
    for side, eastings in sides.items():
        for east in eastings:
            write_image(base / side / sf_name(east), seed=east)
    return base


def state(folder):
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("above", ["", "images"])
@pytest.mark.parametrize("queries", ["queries", "queries_v1"])
def test_every_form_of_the_course_set_becomes_the_same(tmp_path, above, queries):
    raw = tmp_path / "raw"
    write_sf(raw / above, queries)
    before = state(raw)
    made = sf_xs.plan(raw)
    assert made.published == {
        "train": 59_650,
        "val/database": 8_015,
        "val/queries": 7_993,
        "test/database": 27_191,
        "test/queries_v1": 1_000,
    }
    assert [note.split(",")[0] for note in made.notes] == ["train has no folders database and queries"]
    summary = write(made, tmp_path / "sf_xs")
    assert (summary.counts, summary.ways) == (
        {"train": 3, "val/database": 2, "val/queries": 1, "test/database": 2, "test/queries_v1": 1},
        {"linked": 9},
    )
    assert state(raw) == before
    assert names(tmp_path / "sf_xs" / "images") == sorted(
        [
            f"train/37.70/{sf_name(0)}",
            f"train/37.70/{sf_name(1)}",
            f"train/37.71/{sf_name(2)}",
            f"val/database/{sf_name(10)}",
            f"val/database/{sf_name(50)}",
            f"val/queries/{sf_name(12)}",
            f"test/database/37.70/{sf_name(100)}",
            f"test/database/37.70/{sf_name(200)}",
            f"test/queries_v1/{sf_name(203)}",
        ]
    )
    domain = read_domain(tmp_path / "sf_xs", "test", "queries_v1")
    np.testing.assert_allclose(domain.database.xy, [[544304.32, 4173406.33], [544404.32, 4173406.33]])
    np.testing.assert_allclose(domain.queries.xy, [[544407.32, 4173406.33]])
    assert domain.positives(25).of(0).tolist() == [1]


def test_a_set_in_its_place_is_only_checked(tmp_path, monkeypatch, capsys):
    place = tmp_path / "datasets" / "sf_xs"
    write_sf(place / "images")
    before = state(place)
    monkeypatch.setenv("DATASETS_FOLDER", str(tmp_path / "datasets"))
    assert main(["sf_xs", str(place)]) == 1
    out, err = capsys.readouterr()
    assert "9 there already" in out
    assert "train: 3 photos, but 59,650 are published" in err
    record = place / "prepared.json"
    assert json.loads(record.read_text())["status"] == "finished"
    assert state(place) == before | {record: (record.stat().st_mtime_ns, record.read_bytes())}
    small = {"train": 3, "val/database": 2, "val/queries": 1, "test/database": 2, "test/queries_v1": 1}
    monkeypatch.setattr(sf_xs, "PUBLISHED", small)
    monkeypatch.chdir(place)
    assert main(["sf_xs", "."]) == 0  # spelled otherwise, and once more
    assert "9 there already" in capsys.readouterr().out


def test_a_set_in_its_place_without_the_folder_images_gets_one(tmp_path):
    place = write_sf(tmp_path / "sf_xs", "queries")
    before = state(place)
    assert main(["sf_xs", str(place), "--out", str(place)]) == 1
    after = state(place)
    assert {path: after[path] for path in before} == before
    linked = place / "images" / "test" / "queries_v1" / sf_name(203)
    assert linked.samefile(place / "test" / "queries" / sf_name(203))


def test_a_set_in_its_place_with_another_name_of_the_queries_is_refused(tmp_path, capsys):
    place = tmp_path / "sf_xs"
    write_sf(place / "images", "queries")
    before = state(place)
    assert main(["sf_xs", str(place), "--out", str(place)]) == 2
    assert "images/test/queries: must be " in (err := capsys.readouterr().err)
    assert "images/test/queries_v1 in a prepared set; rename it" in err
    assert state(place) == before


def test_tokyo_xs(tmp_path, monkeypatch):
    raw = tmp_path / "raw"
    write_image(raw / "test" / "database" / TOKYO_PHOTO, seed=1)
    write_image(raw / "test" / "queries" / TOKYO_QUERY, seed=2)
    assert tokyo_xs.plan(raw).published == {"test/database": 12_771, "test/queries": 315}
    assert main(["tokyo_xs", str(raw), "--out", str(tmp_path / "tokyo_xs")]) == 1
    monkeypatch.setattr(tokyo_xs, "PUBLISHED", {"test/database": 1, "test/queries": 1})
    assert main(["tokyo_xs", str(raw), "--out", str(tmp_path / "tokyo_xs")]) == 0
    domain = read_domain(tmp_path / "tokyo_xs")
    assert (domain.database.names.tolist(), domain.queries.names.tolist()) == ([TOKYO_PHOTO], [TOKYO_QUERY])
    np.testing.assert_allclose(domain.queries.xy, [[381423.71, 3946450.15]])


def test_any_set_in_the_layout(tmp_path, capsys):
    raw = tmp_path / "raw"
    write_image(raw / "images" / "test" / "database" / TOKYO_PHOTO, seed=1)
    for queries in ("queries", "queries_night", "night", ".cache"):
        write_image(raw / "images" / "test" / queries / TOKYO_QUERY, seed=2)
    made = layout.plan(raw, "tokyo_night")
    assert {side: len(photos) for side, photos in made.sides.items()} == {
        "test/database": 1,
        "test/queries": 1,
        "test/queries_night": 1,
    }
    assert made.notes == ["test: left out are the folders night"]
    assert made.published == {}
    out = tmp_path / "tokyo_night"
    assert main(["layout", str(raw), "--name", "tokyo_night", "--out", str(out)]) == 0
    assert "test: left out are the folders night" in capsys.readouterr().out
    assert read_domain(out, queries="queries_night").queries.names.tolist() == [TOKYO_QUERY]


def test_other_metric_frames(tmp_path):
    for side, east in (("database", 0), ("queries", 3)):
        write_image(tmp_path / "raw" / "test" / side / f"@{east}@-12.5@.jpg", seed=east)
    with pytest.raises(InputError, match="looks like latitude and longitude"):
        layout.plan(tmp_path / "raw", "hall")
    out = tmp_path / "hall"
    assert main(["layout", str(tmp_path / "raw"), "--name", "hall", "--coordinates", "local", "--out", str(out)]) == 0
    assert read_domain(out, coordinates="local").queries.xy.tolist() == [[3.0, -12.5]]


def test_what_is_not_in_the_layout(tmp_path, capsys):
    raw = tmp_path / "raw"
    (raw / "sf_xs").mkdir(parents=True)
    assert main(["sf_xs", str(raw)]) == 2
    assert "none of the folders train, val and test; it has sf_xs. RAW holds" in capsys.readouterr().err
    write_image(raw / "test" / "queries" / TOKYO_QUERY, seed=1)
    with pytest.raises(InputError, match="test: has queries, but no folder database"):
        layout.plan(raw, "mine")
    write_image(raw / "test" / "database" / "photo.jpg", seed=1)
    with pytest.raises(InputError, match=r"1 of 1 names have no position \(photo.jpg\)"):
        layout.plan(raw, "mine")
    (raw / "test" / "database.csv").write_text("path,east,north\nphoto.jpg,500000,4000000\n")
    with pytest.raises(InputError, match=r"database.csv: positions from a table need no preparation"):
        layout.plan(raw, "mine")
    with pytest.raises(InputError, match="--name=a/b: must be"):
        layout.plan(raw, "a/b")


def test_real_sets_are_in_the_layout(shared_data, tmp_path):
    made = layout.plan(shared_data / "penn-campus-gps", "penn")
    assert {side: len(photos) for side, photos in made.sides.items()} == {"test/database": 63, "test/queries": 18}
    assert write(made, tmp_path / "penn").counts["test/database"] == 63
