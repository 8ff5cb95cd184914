"""data=table: a run on photos that lie anywhere, compared with data=folder on the same photos in the field's layout."""

import csv
import json
import logging
import shutil

import pytest
import torch
from command_line import TINY, geoloc, only_run, results_of
from in_process import work
from mini import write_hard_city

from geoloc.errors import CheckFailedError, InputError

ON_TABLE = ["data=table", *(key for key in TINY if key != "data=folder")]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """The photos of a city in the layout, and copies of them: in the manifest's folder, above it, and far away.

    Returns:
        The city, the manifest, and path in the manifest -> name in the layout.
    """
    root, far = tmp_path_factory.mktemp("photos"), tmp_path_factory.mktemp("far")
    city = write_hard_city(root / "city")
    lines, layout = [], {}
    for number, photo in enumerate(sorted(city.rglob("*.jpg"))):
        split, side = photo.parts[-3:-1]
        # Rows are in the order of their paths, as images of a folder are; the order fixes what is drawn in training.
        written = {
            "database": f"mine/{number:03}.JPG",
            "queries": f"{far}/{number:03}.jpg" if split == "train" else f"../up/{number:03}.jpg",
        }[side]
        (root / "here" / written).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, root / "here" / written)
        layout[written] = photo.name
        east, north = photo.name.split("@")[1:3]
        lines.append((written, east, north, "17T", split, side))
    manifest = root / "here" / "street photos.csv"
    with manifest.open("w", newline="") as file:
        csv.writer(file).writerows([("path", "east", "north", "zone", "split", "side"), *reversed(lines)])
    return city, manifest, layout


@pytest.fixture(scope="module")
def runs(photos, tmp_path_factory):
    """Folder of a run on the layout, and of one on the manifest, which is typed as a user would."""
    city, manifest, _ = photos
    root = tmp_path_factory.mktemp("runs")
    done = geoloc(root, *ON_TABLE, f"data.path='{manifest}'")
    assert done.returncode == 0, done.stderr
    return work(root / "layout", *TINY, f"data.path={city}"), only_run(root)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Several threads may round differently from run to run."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def predicted(run, name, names=None):
    """Rows of predictions/<name>.csv, with the names of the layout."""
    with (run / "predictions" / f"{name}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [row | {key: (names or {}).get(row[key], row[key]) for key in ("query", "database")} for row in rows]


def metrics(run, own):
    """Losses and recalls of each epoch, whatever the domain is called."""
    rows = csv.DictReader((run / "metrics.csv").read_text().replace(f"val/{own}/", "val/NAME/").splitlines())
    return [{key: value for key, value in row.items() if key.endswith("loss") or "/R" in key} for row in rows]


@pytest.mark.slow
def test_a_run_is_that_on_the_same_photos_in_the_layout(photos, runs):
    _, manifest, layout = photos
    there, here = (results_of(run)["domains"] for run in runs)
    assert (list(there), list(here)) == (["city"], ["street_photos"])
    for key in ("recalls", "queries", "database", "answerable", "meters", "protocol", "radius_m"):
        assert here["street_photos"][key] == there["city"][key], key
    assert 0 < here["street_photos"]["recalls"]["5"] < 100
    assert here["street_photos"]["manifest"] == str(manifest)
    assert here["street_photos"]["split"] == "test"
    assert "manifest" not in there["city"]
    assert predicted(runs[1], "street_photos", layout) == predicted(runs[0], "city")
    first = predicted(runs[1], "street_photos")[0]
    assert (first["query"][:6], first["database"][:5]) == ("../up/", "mine/")
    trained = [metrics(run, own) for run, own in zip(runs, ("city", "street_photos"), strict=True)]
    assert trained[0] == trained[1]
    assert {"train/loss", "val/NAME/R1"} <= set(trained[0][-1])
    assert (runs[1] / "report.html").read_text().count("data:image/jpeg;base64") >= 1


@pytest.mark.slow
def test_search_opens_the_manifest_again_and_notices_changes(photos, runs, tmp_path):
    _, manifest, layout = photos
    chain = ["task=search", "postprocess=[geo_neighbours]"]
    there = work(tmp_path / "there", *chain, f"run={runs[0]}")
    here = work(tmp_path / "here", *chain, f"run={runs[1]}")
    assert predicted(here, "street_photos", layout) == predicted(there, "city")
    text = manifest.read_text()
    try:
        manifest.write_text(text.replace("540000.00", "540001.00", 1))
        with pytest.raises(InputError, match=f"street_photos: photos of {manifest} have changed since"):
            work(tmp_path / "changed", *chain, f"run={runs[1]}")
    finally:
        manifest.write_text(text)


def test_a_manifest_is_a_val_or_test_domain_of_any_run(photos, runs, tmp_path):
    city, manifest, _ = photos
    other = manifest.parents[1] / "other" / manifest.name
    other.parent.mkdir(exist_ok=True)
    with manifest.open(newline="") as file:
        rows = [row for row in csv.reader(file) if row[4] in ("split", "test")]
    with other.open("w", newline="") as file:  # all are test, and named by absolute paths
        absolute = [[str((manifest.parent / row[0]).resolve()), *row[1:4], row[5]] for row in rows[1:]]
        csv.writer(file).writerows([[*rows[0][:4], "side"], *absolute])
    typed = [f"test_folders=['{manifest}','{city}','{other}']", "trainer=cpu", "num_workers=0"]
    run = work(tmp_path / "test", "task=test", f"checkpoint={runs[0]}", *typed)
    found = results_of(run)["domains"]
    assert list(found) == ["here_street_photos", "city", "other_street_photos"]
    assert found["here_street_photos"]["recalls"] == found["city"]["recalls"]
    assert found["other_street_photos"]["recalls"] == results_of(runs[0])["domains"]["city"]["recalls"]
    run = work(tmp_path / "check", "task=check", "data=folder", f"data.path={city}", f"val_folder='{manifest}'", *typed)
    assert results_of(run)["status"] == "finished"


def test_describe_then_search(photos, runs, tmp_path):
    _, manifest, _ = photos
    typed = [*ON_TABLE, f"data.path='{manifest}'", f"checkpoint={runs[1]}"]
    described = work(tmp_path / "described", "task=describe", *(key for key in typed if "miner" not in key))
    assert results_of(described)["domains"]["street_photos"]["split"] == "test"
    searched = work(tmp_path / "searched", "task=search", f"run={described}")
    assert predicted(searched, "street_photos") == predicted(runs[1], "street_photos")


def test_check_says_what_there_is_and_each_mistake_once(photos, tmp_path, caplog):
    _, manifest, _ = photos
    check = ["task=check", "data=table"]
    with caplog.at_level(logging.INFO):
        run = work(tmp_path / "fine", *check, f"data.path='{manifest}'", "aug=color", "image_size=[64,64]")
    assert (run / "augmentation.jpg").is_file()
    said = [line for line in caplog.messages if line.startswith(f"{manifest}: ")]
    assert said == [f"{manifest}: 16 database, 8 queries of {split}" for split in ("train", "val", "test")]
    wrong = manifest.with_name("wrong.csv")
    try:
        wrong.write_text(manifest.read_text().replace(",train,", ",dev,"))
        with pytest.raises(InputError) as caught:
            work(tmp_path / "wrong", *check, f"data.path={wrong}", "aug=none")
        (line,) = caught.value.problems
        assert line.startswith(f"{wrong}: the row ")
        assert "the split 'dev' must be one of train, val, test" in line
        assert "one of 24 such rows" in line
    finally:
        wrong.unlink()


def test_translated_twins_lie_beside_queries_in_the_layout_alone(photos, tmp_path):
    _, manifest, _ = photos
    with pytest.raises(CheckFailedError, match=r"1 finding would spoil results"):
        work(tmp_path / "run", "task=check", "data=table", f"data.path='{manifest}'", "aug=translated")
    findings = json.loads((tmp_path / "run" / "check.json").read_text())["findings"]
    (line,) = [finding["what"] for finding in findings if finding["level"] == "spoils"]
    assert line.endswith(".jpg: only photos below train/queries have night twins")
