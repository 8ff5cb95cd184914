"""task=check and the policy for unreadable train images, as a user meets them."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import TINY, geoloc, only_run, results_of
from in_process import job_of, work
from mini import name_of, write_image

from geoloc.data.domains import folder
from geoloc.errors import CheckFailedError, InputError
from geoloc.report.check_charts import bars, map_of
from geoloc.tasks.reading import read_domains
from geoloc.tasks.train import do
from geoloc.tasks.unreadable import drop_unreadable

QUIET = ("task=check", "data=folder", "image_size=[64,64]", "num_workers=0", "miner.negatives=2", "recall_values=[1,5]")


@pytest.fixture
def city(mini_city, tmp_path) -> Path:
    """A mini city of one's own."""
    return Path(shutil.copytree(mini_city, tmp_path / "mini"))


def first(city, split, side):
    return min((city / "images" / split / side).glob("*.jpg"))


def levels(run):
    return [
        (finding["level"], finding["where"]) for finding in json.loads((run / "check.json").read_text())["findings"]
    ]


def test_a_good_set_passes_and_is_described(city, tmp_path):
    run = work(tmp_path / "run", *QUIET, f"data.path={city}")
    content = json.loads((run / "check.json").read_text())
    assert [(each["stage"], each["sides"]["database"]["images"]) for each in content["domains"]] == [
        ("train", 12),
        ("val", 12),
        ("test", 12),
    ]
    assert all(finding["level"] == "notice" for finding in content["findings"])
    assert results_of(run)["status"] == "finished"
    told = len(content["findings"])
    assert results_of(run)["check"] == {
        "spoiling": 0,
        "notices": told,
        "unreadable": 0,
        "database": 36,
        "queries": 18,
    }
    page = (run / "check.html").read_text()
    assert "nothing was found that would spoil results" in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)  # nothing is fetched from anywhere


@pytest.mark.slow
def test_what_spoils_results_is_said_and_the_exit_code_is_1(city, tmp_path):
    """One command, all that is wrong: in test a cut file and a photo that finds itself, and no positions in val."""
    cut = first(city, "test", "database")
    cut.write_bytes(cut.read_bytes()[:400])
    query = max((city / "images" / "test" / "queries").glob("*.jpg"))
    shutil.copy(query, city / "images" / "test" / "database" / query.name)
    first(city, "val", "queries").rename(city / "images" / "val" / "queries" / "IMG_1.jpg")
    done = geoloc(tmp_path, *QUIET, f"data.path={city}", "aug=night")
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    run = only_run(tmp_path)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert errors == [
        f"error: val: {city}/images/val/queries: 1 of 6 names have no position (IMG_1.jpg); a name must look like"
        " @UTM_east@UTM_north@...@.jpg, or a table queries.csv must stand beside the folder (columns path,east,north);"
        " this domain is not checked further",
        "error: test mini: 1 image cannot be read (1 of 13 in the database, 0 of 6 queries); replace them; evaluation"
        " never leaves an image out, since recall would be over other images",
        "error: test mini: 1 of 6 queries are in the database too, within 25 m (same bytes, or same panorama and time);"
        " take them out of one side: a photo finds itself, which inflates recall",
        f"error: 3 findings would spoil results: {run}/check.html",
    ]
    assert (run / "augmentation.jpg").is_file()
    results = results_of(run)
    assert (results["status"], results["check"]["spoiling"]) == ("failed", 3)
    page = (run / "check.html").read_text()
    assert "3 findings would spoil results" in page
    assert page.count('<img src="data:image/jpeg;base64,') >= 2
    assert str(cut) in page


def test_a_set_without_train_split_can_be_judged(city, tmp_path):
    shutil.rmtree(city / "images" / "train")
    run = work(tmp_path / "run", *QUIET, f"data.path={city}")
    assert levels(run)[0] == ("notice", "train")
    assert [each["stage"] for each in json.loads((run / "check.json").read_text())["domains"]] == ["val", "test"]


def test_folders_alone_are_checked_without_the_demo_city(city, tmp_path):
    typed = [word for word in QUIET if word != "data=folder"]
    run = work(tmp_path / "run", *typed, f"test_folders=[{city}]")
    assert [each["stage"] for each in json.loads((run / "check.json").read_text())["domains"]] == ["test"]


def test_nothing_to_check_is_wrong_input(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        work(tmp_path / "run", *QUIET, f"data.path={tmp_path}/nowhere")


def test_missing_night_twins_are_a_finding(city, tmp_path):
    with pytest.raises(CheckFailedError, match="1 finding would spoil results"):
        work(tmp_path / "run", *QUIET, f"data.path={city}", "aug=translated")
    assert levels(tmp_path / "run")[0] == ("spoils", "train mini")


def test_unreadable_train_images_spoil_results_unless_they_are_skipped(city, tmp_path):
    first(city, "train", "queries").write_bytes(b"")
    with pytest.raises(CheckFailedError):
        work(tmp_path / "stop", *QUIET, f"data.path={city}")
    run = work(tmp_path / "skip", *QUIET, f"data.path={city}", "unreadable=skip_and_count")
    assert results_of(run)["check"]["unreadable"] == 1


def broken(city):
    """Two train images and one of val that cannot be read."""
    paths = [first(city, "train", "database"), first(city, "train", "queries"), first(city, "val", "queries")]
    for path in paths:
        path.write_bytes(path.read_bytes()[:400])
    return paths


@pytest.mark.parametrize("workers", [0, 2])
def test_training_leaves_out_what_cannot_be_read(city, workers, caplog):
    base, query, _ = broken(city)
    train = folder(city, "train")
    kept, facts = drop_unreadable(train, workers)
    assert facts == {"database": 1, "queries": 1, "files": [str(base), str(query)]}
    assert kept.database.names.tolist() == train.database.names.tolist()[1:]
    assert kept.queries.xy.tolist() == train.queries.xy.tolist()[1:]
    assert (
        f"mini: 1 of 12 database images and 1 of 6 queries cannot be read and are left out ({base}, {query})"
        in caplog.text
    )


def test_a_readable_domain_stays_what_it_is(city):
    train = folder(city, "train")
    kept, facts = drop_unreadable(train, 0)
    assert kept is train
    assert facts == {"database": 0, "queries": 0, "files": []}


def test_a_side_without_any_readable_image_is_refused(city):
    for path in (city / "images" / "train" / "queries").iterdir():
        path.write_bytes(b"")
    with pytest.raises(InputError, match=r"none of the 6 images in .*queries can be read"):
        drop_unreadable(folder(city, "train"), 0)


def test_several_zones_stay_in_one_frame(tmp_path):
    """Positions that are in the frame of the earth already are not converted again."""
    for side, noise in (("database", 0), ("queries", 1)):
        for number, zone in enumerate(("17@T", "18@T")):
            name = name_of(500_000 + 10 * number).replace("17@T", zone)
            write_image(tmp_path / "images" / "train" / side / name, number, noise=noise)
            write_image(tmp_path / "images" / "train" / side / name.replace("@.jpg", "x@.jpg"), number + 5, noise=noise)
    train = folder(tmp_path, "train")
    first(tmp_path, "train", "queries").write_bytes(b"")
    kept, _ = drop_unreadable(train, 0)
    assert kept.queries.xy.tolist() == train.queries.xy.tolist()[1:]
    assert kept.database.xy.tolist() == train.database.xy.tolist()


def test_the_policy_in_a_run(city, tmp_path):
    """Training goes through, and says what it left out; the unreadable image of val still stops it."""
    base, query, val = broken(city)
    typed = [*TINY, f"data.path={city}", "trainer.max_epochs=1", "unreadable=skip_and_count", "recall_values=[1,5]"]
    with pytest.raises(InputError, match=re.escape(f"{val}: cannot be read")):
        work(tmp_path / "val", *typed)
    shutil.copy(max((city / "images" / "val" / "queries").iterdir()), val)
    (tmp_path / "run").mkdir()
    job = job_of(tmp_path / "run", *typed)
    do(job)
    results = results_of(tmp_path / "run")
    assert results["unreadable_train"] == {"database": 1, "queries": 1, "files": [str(base), str(query)]}
    assert results["status"] == "finished"
    assert results["domains"]["mini"]["database"] == 12


def test_by_default_an_unreadable_train_image_stops_the_run(city, tmp_path):
    base, *_ = broken(city)
    with pytest.raises(InputError, match=re.escape(f"{base.parent}")):
        work(tmp_path / "run", *TINY, f"data.path={city}", "trainer.max_epochs=1", "miner=random")


@pytest.mark.parametrize("task", ["test", "describe", "search"])
def test_the_policy_is_refused_where_it_does_nothing(city, tmp_path, task):
    with pytest.raises(InputError, match="unreadable=skip_and_count: has an effect on task=train and task=check alone"):
        job_of(tmp_path, f"task={task}", f"test_folders=[{city}]", "unreadable=skip_and_count")


def test_what_the_report_holds_is_refused_where_there_is_no_report(city, tmp_path):
    with pytest.raises(InputError, match="report_queries: has no effect on task=check, which judges nothing"):
        work(tmp_path / "run", *QUIET, "task=check", f"data.path={city}", "report_queries=500")


@pytest.mark.parametrize("key", ["extraction=exact", "descriptor_dtype=float16", "infer_batch_size=4", "decode=full"])
def test_how_images_are_described_is_refused_where_none_is(city, tmp_path, key):
    with pytest.raises(InputError, match=f"^{key.split('=')[0]}: has no effect on task=check"):
        work(tmp_path / "run", *QUIET, "task=check", f"data.path={city}", key)


def test_problems_come_out_together(city, tmp_path):
    """One error for all domains of all stages."""
    for path in (city / "images" / "val" / "queries").iterdir():
        path.rename(path.with_name(name_of(700_000 + float(path.name.split("@")[1]) / 100)))
    shutil.rmtree(city / "images" / "train" / "queries")
    job = job_of(tmp_path, *QUIET, f"data.path={city}")
    with pytest.raises(InputError) as caught:
        read_domains(job, ("train", "val", "test"))
    assert [line.split(":")[0] for line in caught.value.problems] == ["train", "val"]


def test_bars_and_maps_by_hand():
    assert [(bar.x, bar.width, bar.y, bar.height, bar.middle) for bar in bars({"0": 2, "1": 1, "2+": 0})] == [
        (2.0, 96.0, 0.0, 110.0, 50.0),
        (102.0, 96.0, 55.0, 55.0, 150.0),
        (202.0, 96.0, 110.0, 0.0, 250.0),
    ]
    drawn = map_of(np.array([[100.0, 50], [300, 50], [300, 50.1]]), np.array([[200.0, 150.0]]))
    assert (drawn.width, drawn.height) == (480.0, 240.0)
    assert drawn.database == [(0.0, 240.0), (480.0, 240.0)]  # two of them in one cell
    assert drawn.queries == [(240.0, 0.0)]
    assert drawn.across == [(0.0, "0"), (120.0, "50"), (240.0, "100"), (360.0, "150"), (480.0, "200")]
    assert drawn.up == [(240.0, "0"), (120.0, "50"), (0.0, "100")]
    assert drawn.unit == "m"
