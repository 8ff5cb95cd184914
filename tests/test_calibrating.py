"""A calibration is fitted on val domains, stored with the model, used and judged in a test, on whatever run."""

from __future__ import annotations

import csv
import json
import logging
import shutil

import numpy as np
import pytest
import yaml
from command_line import TINY, geoloc, results_of
from in_process import work
from mini import write_image, write_mini_city

from geoloc.errors import InputError
from geoloc.locate.calibration import Calibration
from geoloc.locate.vote import vote
from geoloc.net import DescriptorNet

TEST = [
    key for key in TINY if not key.startswith(("miner.", "trainer.max", "trainer.check", "data=", "backbone", "agg"))
]


def mixed_city(root, places=26):
    """A mini city of which every second query shows no place, and so is located by luck alone."""
    write_mini_city(root, places)
    for split in ("val", "test"):
        for number, path in enumerate(sorted((root / "images" / split / "queries").glob("*.jpg"))):
            if number % 2:
                write_image(path, seed=7_000_000 + number + 1000 * (split == "test"))
    return root


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    return mixed_city(tmp_path_factory.mktemp("city") / "mini")


@pytest.fixture(scope="module")
def trained(city, tmp_path_factory):
    return work(tmp_path_factory.mktemp("trained") / "run", f"data.path={city}", *TINY)


@pytest.fixture
def test(city, trained, tmp_path):
    """Runs task=test of the trained network on the test split."""
    counter = iter(range(99))

    def run(*typed, data=f"test_folders=[{city}]"):
        return work(tmp_path / f"run{next(counter)}", "task=test", f"checkpoint={trained}", data, *TEST, *typed)

    return run


def warned(caplog):
    """Warnings about calibrations so far, which the command line keeps in results.json; then they are forgotten."""
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    caplog.clear()
    return [line for line in said if "calibration" in line]


def answers(run):
    with (run / "predictions" / "mini.answers.csv").open() as file:
        return list(csv.DictReader(file))


def test_training_ends_in_a_calibration_that_is_stored_with_the_model(trained):
    results = results_of(trained)
    stored = DescriptorNet.load(trained).calibration
    assert stored == results["calibration"]
    about = stored["fitted_on"]
    assert about["domains"] == ["mini"]
    assert (about["queries"], about["radius_m"]) == (26, 25.0)
    assert 10 <= about["right"] <= 16
    assert about["model"] == results["model"]["digest"] == DescriptorNet.load(trained).digest()
    assert about["protocol"]["voters"] == 20
    assert about["protocol"]["views"]["name"] == "hard_resize"
    told = results["domains"]["mini"]["localization"]
    assert not told["fitted_here"]
    assert told["aurc_floor"] <= told["aurc"] <= 1
    assert "Where was it taken" in (trained / "report.html").read_text()


def test_answers_are_what_the_vote_and_the_calibration_say(trained):
    results, rows = results_of(trained), answers(trained)
    made = Calibration.of(results["calibration"])
    with (trained / "predictions" / "mini.csv").open() as file:
        found = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        own = [line for line in found if line["query"] == row["query"]][:20]
        at = np.array([[float(field) for field in line["database"].split("@")[1:3]] for line in own])
        distances = np.array([[float(line["distance"]) for line in own]])
        wanted = vote(at[None], distances, 25.0)
        truth = np.array([float(field) for field in row["query"].split("@")[1:3]])
        assert [float(row["east"]), float(row["north"])] == pytest.approx(wanted.xy[0], abs=0.05), number
        off = float(np.linalg.norm(wanted.xy[0] - truth))
        assert float(row["meters"]) == pytest.approx(off, abs=0.05)
        assert int(row["right"]) == (off <= 25)
        expected = made.expected_error(np.array([float(row["confidence"])]))[0]
        assert float(row["expected_error"]) == pytest.approx(expected, abs=0.05)
    told = results["domains"]["mini"]["localization"]
    assert told["within"] == pytest.approx(100 * np.mean([row["right"] == "1" for row in rows]))
    confidence = np.array([float(row["confidence"]) for row in rows])
    assert told["mean_confidence"] == pytest.approx(confidence.mean(), abs=1e-5)
    if told["threshold"] is not None:
        assert told["answered"] == pytest.approx(100 * (confidence >= told["threshold"]).mean())


@pytest.mark.slow
def test_what_validation_has_found_gives_the_same_calibration_as_describing_once_more(test, city, trained):
    """Training keeps the predictions of its best validation; a test describes the val domain for it."""
    run = test("calibrate=true", f"val_folder={city}")
    one, other = results_of(trained)["calibration"], results_of(run)["calibration"]
    for key in ("weights", "offset", "means"):
        assert other[key] == pytest.approx(one[key], abs=1e-3)
    assert other["fitted_on"]["queries_of"] == one["fitted_on"]["queries_of"]
    assert DescriptorNet.load(run).calibration == other
    assert "tuned_on" not in results_of(run)
    assert not (run / "predictions" / "val").exists()
    assert results_of(run)["domains"]["mini"]["localization"]["ece"] == pytest.approx(
        results_of(trained)["domains"]["mini"]["localization"]["ece"], abs=0.02
    )


def test_a_test_uses_what_came_with_the_network(test, trained, caplog):
    run = test()
    assert warned(caplog) == []
    assert results_of(run)["calibration"] == results_of(trained)["calibration"]
    assert [row["confidence"] for row in answers(run)] == [row["confidence"] for row in answers(trained)]
    assert not (run / "model.yaml").exists()
    without = test("calibrate=false")
    assert "calibration" not in results_of(without)
    assert "ece" not in results_of(without)["domains"]["mini"]["localization"]
    assert {row["confidence"] for row in answers(without)} == {""}
    assert "There is no calibration" in (without / "report.html").read_text()


def test_another_protocol_is_a_loud_warning_that_is_kept(test, trained, tmp_path, caplog):
    test(
        "views=central_crop",
        "postprocess=[geo_dbscan]",
        "radius.eval=60",
        "saved_predictions=10",
        "recall_values=[1,5]",
    )
    first, other, second = warned(caplog)
    assert "another protocol: views hard_resize there, central_crop here; postprocess none there, geo_dbscan" in first
    assert "mini: candidates of each photo that vote: 10 here, 20 where the calibration was fitted" in other
    assert "mini: is judged within 60 m, and the calibration says how sure a position is to lie within 25 m" in second
    again = work(tmp_path / "search", "task=search", f"run={trained}", "postprocess=[geo_dbscan]")
    (said,) = warned(caplog)
    assert "postprocess none there, geo_dbscan here" in said
    assert results_of(again)["domains"]["mini"]["localization"]["ece"] >= 0


@pytest.mark.parametrize(("photos", "said"), [(52, []), (5, ["5 here, 20"]), (1, ["1 here, 20"])])
def test_a_database_of_few_photos_is_warned_of(city, trained, tmp_path, caplog, photos, said):
    """The vote of one photo is unanimous, whatever it shows."""
    test = city / "images" / "test"
    (tmp_path / "few").mkdir()
    for path in sorted((test / "database").iterdir())[:photos]:
        shutil.copy(path, tmp_path / "few")
    query = next((test / "queries").iterdir())
    shutil.copy(query, tmp_path / "query.jpg")  # of a name that needs no quotes
    places = [f"database={tmp_path / 'few'}", f"queries={tmp_path / 'query.jpg'}"]
    run = work(tmp_path / "run", "task=localize", f"checkpoint={trained}", *places, "trainer=cpu", "num_workers=0")
    lines = warned(caplog)
    assert len(lines) == len(said)
    assert all(part in line for part, line in zip(said, lines, strict=True))
    assert results_of(run)["localization"]["voters"] == min(photos, 20)


@pytest.mark.slow
def test_a_search_says_the_same_as_the_test_and_other_precisions(test, trained, tmp_path, caplog):
    again = work(tmp_path / "search", "task=search", f"run={trained}", "answer_precision=0.5")
    assert warned(caplog) == []
    one, other = (results_of(run)["domains"]["mini"]["localization"] for run in (trained, again))
    assert other["answer_precision"] == 0.5
    assert other["threshold"] == Calibration.of(results_of(trained)["calibration"]).threshold(0.5)
    assert {key: one[key] for key in ("within", "r100p")} == {key: other[key] for key in ("within", "r100p")}
    assert other["aurc"] == pytest.approx(one["aurc"], abs=1e-6)
    # And of a run of an older version, which knows of no positions.
    old = tmp_path / "old"
    shutil.copytree(trained, old)
    results = results_of(old)
    del results["calibration"], results["domains"]["mini"]["localization"]
    (old / "results.json").write_text(json.dumps(results))
    (old / "predictions" / "mini.answers.csv").unlink()
    caplog.clear()
    found = results_of(work(tmp_path / "older", "task=search", f"run={old}", "answer_precision=0.5"))
    assert warned(caplog) == ["answer_precision: has no effect, for there is no calibration"]
    assert "calibration" not in found
    assert "ece" not in found["domains"]["mini"]["localization"]


@pytest.mark.slow
def test_steps_that_reorder_are_applied_before_the_fit(test, city, caplog):
    run = test("calibrate=true", f"val_folder={city}", "postprocess=[geo_dbscan]")
    assert list(results_of(run)["calibration"]["fitted_on"]["protocol"]["postprocess"]) == ["geo_dbscan"]
    assert warned(caplog) == []


def test_other_weights_are_not_calibrated_by_this(trained, tmp_path, city, caplog):
    other = tmp_path / "other"
    other.mkdir()
    net = DescriptorNet.load(trained)
    net.aggregator.centroids.data += 0.01
    net.save(other)
    assert yaml.safe_load((other / "model.yaml").read_text())["calibration"] == net.calibration
    run = work(tmp_path / "run", "task=test", f"checkpoint={other}", f"test_folders=[{city}]", *TEST)
    (said,) = warned(caplog)
    assert "fitted with other weights or at another image size, and is not used" in said
    assert "calibration" not in results_of(run)


def test_too_few_wrong_queries_are_one_warning_and_no_calibration(tmp_path, caplog):
    """Every query shows its place, so nothing is wrong."""
    city = write_mini_city(tmp_path / "mini", places=12)
    run = work(tmp_path / "run", f"data.path={city}", *TINY, "trainer.max_epochs=1")
    (said,) = warned(caplog)
    assert "12 of the labelled queries are located within 25 m and 0 are not" in said
    assert DescriptorNet.load(run).calibration is None
    assert results_of(run)["domains"]["mini"]["localization"]["within"] == 100


def test_frames_are_no_metres(test, city, caplog):
    """A domain that is judged by frames is not located."""
    frames = "{_target_: geoloc.data.protocols.Protocol, frames: 1, metres_per_frame: 20.0}"
    node = f"{{_target_: geoloc.data.domains.folder, path: '{city}', name: mini, protocol: {frames}}}"
    with caplog.at_level(logging.INFO):
        run = test("domains@test=[]", f"+test.mini={node}", data="task=test")
    assert "localization" not in results_of(run)["domains"]["mini"]
    assert not (run / "predictions" / "mini.answers.csv").exists()
    assert "mini: is judged by frames" in caplog.text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["calibrate=true"], "would be fitted on demo_city_val, which nobody has named"),
        (["answer_precision=1.0"], "answer_precision"),
        (["calibrate=maybe"], "calibrate"),
    ],
)
def test_refusals(test, typed, said, tmp_path, monkeypatch):
    monkeypatch.setenv("DATASETS_FOLDER", str(tmp_path))
    with pytest.raises(InputError, match=said):
        test(*typed)


@pytest.mark.parametrize("task", ["describe", "check"])
def test_tasks_that_locate_nothing_refuse_the_keys(task, tmp_path, city):
    with pytest.raises(InputError) as caught:
        work(
            tmp_path / "run",
            f"task={task}",
            f"data.path={city}",
            "data=folder",
            "calibrate=true",
            "answer_precision=0.8",
        )
    assert "calibrate: has an effect on task=train, task=test alone" in str(caught.value)
    tasks = "task=train, task=test, task=search, task=localize, task=demo"
    assert f"answer_precision: has an effect on {tasks} alone" in str(caught.value)


@pytest.mark.slow
def test_a_run_killed_in_its_test_ends_in_the_same_calibration(city, tmp_path):
    typed = [f"data.path={city}", *TINY]
    assert geoloc(tmp_path, *typed, "hydra.run.dir=straight").returncode == 0
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    assert geoloc(tmp_path, *typed, "hydra.run.dir=killed").returncode == 0
    results = results_of(killed)
    for key in ("calibration", "domains", "fingerprints"):
        del results[key]
    (killed / "results.json").write_text(json.dumps(results | {"status": "testing"}))
    shutil.rmtree(killed / "predictions")
    done = geoloc(tmp_path, "resume=killed")
    assert done.returncode == 0, done.stderr
    one, other = results_of(straight)["calibration"], results_of(killed)["calibration"]
    assert other["weights"] == pytest.approx(one["weights"], abs=1e-3)
    assert DescriptorNet.load(killed).calibration == other
