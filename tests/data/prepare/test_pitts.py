import numpy as np
import pytest
import utm
from matlab import cells, contents, save_dbstruct
from mini import write_image

from geoloc.data.domains import folder
from geoloc.data.prepare import pitts30k, pitts250k
from geoloc.data.prepare.command import main
from geoloc.data.prepare.write import write
from geoloc.errors import InputError

# One panorama's two tiles and another panorama in the database; the queries are of a third one.
DATABASE = {
    "000/000000_pitch1_yaw1.jpg": (584300.25, 4477000.5),
    "000/000000_pitch2_yaw12.jpg": (584300.25, 4477000.5),
    "001/001007_pitch1_yaw10.jpg": (585000.126, 4476500.0),
}
QUERIES = {"000/000546_pitch1_yaw1.jpg": (584310.0, 4477001.0), "000/000546_pitch2_yaw3.jpg": (584310.0, 4477001.0)}


def raw_set(raw, name="pitts30k", structs="datasets", database_in=".", queries_in="queries_real"):
    """The same five photos in each split."""
    for seed, photo in enumerate(DATABASE):
        write_image(raw / database_in / photo, seed)
    for seed, photo in enumerate(QUERIES):
        write_image(raw / queries_in / photo, 100 + seed)
    for split in ("train", "val", "test"):
        save_dbstruct(raw / structs / f"{name}_{split}.mat", DATABASE, QUERIES, whichSet=split)
    return raw


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_positions_tiles_and_notes(tmp_path, split):
    write(pitts30k.plan(raw_set(tmp_path / "raw")), tmp_path / "pitts30k")
    domain = folder(tmp_path / "pitts30k", split)
    assert set(domain.database.zones.tolist()) == {"17 north"}
    assert domain.database.xy.tolist() == [[584300.25, 4477000.5], [584300.25, 4477000.5], [585000.13, 4476500.0]]
    assert domain.queries.xy.tolist() == [[584310.0, 4477001.0]] * 2
    assert domain.database.notes.tolist() == ["pitch1_yaw1", "pitch2_yaw12", "pitch1_yaw10"]
    assert domain.queries.notes.tolist() == ["pitch1_yaw1", "pitch2_yaw3"]
    fields = [name.split("@")[7:14] for name in domain.database.names.tolist()]
    # The tile is 24 (pitch - 1) + yaw - 1: 0 + 1 - 1, 24 + 12 - 1, 0 + 10 - 1. Headings and pitches are not known.
    assert fields == [[pano, tile, *[""] * 5] for pano, tile in (("000000", "00"), ("000000", "35"), ("001007", "09"))]


def test_latitude_and_longitude_are_those_of_the_position(tmp_path):
    write(pitts30k.plan(raw_set(tmp_path / "raw")), tmp_path / "out")
    name = str(folder(tmp_path / "out").database.names[2]).split("@")
    assert np.allclose(utm.from_latlon(float(name[5]), float(name[6]))[:2], (585000.126, 4476500.0), atol=1)


def test_each_photo_is_the_one_that_its_name_says(tmp_path):
    raw = raw_set(tmp_path / "raw")
    write(pitts30k.plan(raw), tmp_path / "out")
    domain = folder(tmp_path / "out", "val")
    assert [path.read_bytes() for path in domain.paths()] == [
        (raw / name).read_bytes() for name in [*DATABASE, *(f"queries_real/{query}" for query in QUERIES)]
    ]


@pytest.mark.parametrize(
    "places",
    [{"structs": "."}, {"structs": "netvlad_v100_datasets"}, {"database_in": "images", "queries_in": "queries"}],
)
def test_other_places_of_the_files(tmp_path, places):
    plan = pitts250k.plan(raw_set(tmp_path, "pitts250k", **places))
    assert {side: len(photos) for side, photos in plan.sides.items()} == {
        f"{split}/{side}": number
        for split in ("train", "val", "test")
        for side, number in (("database", 3), ("queries", 2))
    }
    assert all(photo.source.is_file() for photos in plan.sides.values() for photo in photos)


def test_published_numbers_add_up():
    # Torii et al.: 10,586 panoramas of 24 tiles each are the database; queries come from whole panoramas too.
    numbers = pitts250k.PUBLISHED
    assert sum(number for side, number in numbers.items() if side.endswith("database")) == 10_586 * 24
    assert all(
        number % 24 == 0
        for published in (numbers, pitts30k.PUBLISHED)
        for side, number in published.items()
        if side.endswith("queries")
    )


@pytest.mark.parametrize("name", ["pitts30k", "pitts250k"])
def test_command_line(tmp_path, capsys, name, monkeypatch):
    raw = raw_set(tmp_path / "raw", name)
    before = contents(raw)
    monkeypatch.setenv("DATASETS_FOLDER", str(tmp_path / "sets"))
    assert main([name, str(raw)]) == 1  # not as many as published
    shown = capsys.readouterr()
    published = {"pitts30k": ("10,000", "6,816"), "pitts250k": ("83,952", "8,280")}[name]
    rows = {line.split()[0]: line.split()[1:] for line in shown.out.splitlines() if line.count("/") == 1}
    assert rows["test/database"] == ["3", published[0]]
    assert rows["test/queries"] == ["2", published[1]]
    assert "15 linked" in shown.out
    assert f"warning: test/queries: 2 photos, but {published[1]} are published" in shown.err
    assert len(folder(tmp_path / "sets" / name)) == 5
    assert main([name, str(raw)]) == 1
    assert "15 there already" in capsys.readouterr().out
    assert contents(raw) == before


def test_complete_sets_end_with_0(tmp_path, monkeypatch, capsys):
    numbers = {
        f"{split}/{side}": n for split in ("train", "val", "test") for side, n in (("database", 3), ("queries", 2))
    }
    monkeypatch.setattr(pitts30k, "PUBLISHED", numbers)
    assert main(["pitts30k", str(raw_set(tmp_path / "raw")), "--out", str(tmp_path / "out")]) == 0
    assert "warning" not in capsys.readouterr().err


def test_missing_files_are_named_and_nothing_is_written(tmp_path, capsys):
    raw = raw_set(tmp_path / "raw")
    out = tmp_path / "out"
    (raw / "datasets/pitts30k_val.mat").unlink()
    assert main(["pitts30k", str(raw), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: pitts30k_val.mat: in none of {raw}, {raw}/datasets, {raw}/netvlad_v100_datasets. ")
    assert pitts30k.HOW in error
    (raw / "queries_real/000/000546_pitch2_yaw3.jpg").unlink()
    save_dbstruct(raw / "pitts30k_val.mat", DATABASE, QUERIES)
    assert main(["pitts30k", str(raw), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert error == (
        "error: pitts30k: 3 of 15 photos are missing in the raw set ("
        + ", ".join([f"{raw}/queries_real/000/000546_pitch2_yaw3.jpg"] * 3)
        + ")\n"
    )
    assert not out.exists()


def no_struct(path):
    path.write_text("<html>Please log in</html>")


def short_positions(path):
    save_dbstruct(path, DATABASE, QUERIES, utmDb=np.zeros((2, 2)))


def upright_positions(path):
    save_dbstruct(path, DATABASE, QUERIES, utmDb=np.array(list(DATABASE.values())))


def lacking_field(path):
    from scipy.io import savemat

    savemat(
        path, {"dbStruct": {"dbImageFns": cells(list(DATABASE)), "utmDb": np.zeros((2, 3)), "qImageFns": cells(["a"])}}
    )


def numbers_for_names(path):
    save_dbstruct(path, DATABASE, QUERIES, qImageFns=np.array([1.0, 2.0]))


def endless_position(path):
    save_dbstruct(path, DATABASE, QUERIES, utmQ=np.array([[584310.0, np.inf], [4477001.0, 4477001.0]]))


def other_names(path):
    save_dbstruct(path, DATABASE, {"000/photo.jpg": (584310.0, 4477001.0)})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (no_struct, "cannot be read as a MATLAB file"),
        (lacking_field, "no struct dbStruct with utmQ"),
        (short_positions, r"utmDb must be 2 x 3 numbers, not \(2, 2\)"),
        (upright_positions, r"utmDb must be 2 x 3 numbers, not \(3, 2\)"),
        (numbers_for_names, "qImageFns is no list of paths"),
        (endless_position, "utmQ holds a position that is not a finite number"),
        (other_names, "photo.jpg is not named like 000000_pitch1_yaw1.jpg"),
    ],
)
def test_spoilt_structs_are_named(tmp_path, spoil, message):
    path = raw_set(tmp_path) / "datasets/pitts30k_test.mat"
    spoil(path)
    with pytest.raises(InputError, match=rf"^{path}: .*{message}"):
        pitts30k.plan(tmp_path)
