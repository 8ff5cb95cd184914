"""The command line, as a user would type it. Each call is a process of its own."""

from __future__ import annotations

import csv
import json
import re
import shutil

import pytest
import torch
from command_line import TINY, geoloc, only_run, results_of, start
from mini import write_mini_city
from PIL import Image


@pytest.fixture(scope="module")
def trained(mini_city, tmp_path_factory):
    """A finished run on the mini city: (the folder it was started in, the run's folder, what it printed)."""
    folder = tmp_path_factory.mktemp("trained")
    done = geoloc(folder, *TINY, f"data.path={mini_city}", "optimizer=adamw", "aug=night", "scheduler=cosine")
    assert done.returncode == 0, done.stderr
    return folder, only_run(folder), done.stdout


def test_a_run_leaves_what_the_contract_says(trained):
    _, run, printed = trained
    for name in (
        ".hydra/config.yaml",
        "info.log",
        "debug.log",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
        "model.safetensors",
        "model.yaml",
        "metrics.csv",
        "predictions/mini.csv",
        "predictions/mini.places.csv",
        "results.json",
        "report.html",
    ):
        assert (run / name).stat().st_size > 0, name
    assert not (run / "descriptors").exists()
    results = results_of(run)
    assert (results["status"], results["task"]) == ("finished", "train")
    domain = results["domains"]["mini"]
    assert (domain["queries"], domain["answerable"], domain["database"], domain["radius_m"]) == (6, 6, 12, 25)
    assert list(domain["recalls"]) == ["1", "5", "10", "20"]
    assert domain["recalls"]["20"] == 100  # 12 database images: all of them are among the first 20
    assert set(domain["seconds"]) == {"extract", "search"}
    assert results["model"]["descriptor_dim"] == 4 * 256
    assert results["model"]["weights"] == "trained by this run, best.ckpt; started from none"
    assert results["environment"]["command"].startswith("python -m geoloc.run data=folder")
    assert len(results["fingerprints"]["mini"]) == 32
    assert "mini" in printed
    assert "R@1" in printed


def test_predictions_agree_with_the_recalls(trained):
    _, run, _ = trained
    with (run / "predictions" / "mini.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["query", "rank", "database", "distance", "meters", "correct", "condition"]
    assert len(rows) == 6 * 12
    recalls = results_of(run)["domains"]["mini"]["recalls"]
    for n in (1, 5):
        right = {row["query"] for row in rows if int(row["rank"]) <= n and row["correct"] == "1"}
        assert 100 * len(right) / 6 == pytest.approx(recalls[str(n)])
    for row in rows:
        east = [float(row[key].split("@")[1]) for key in ("query", "database")]
        assert float(row["meters"]) == pytest.approx(abs(east[0] - east[1]), abs=0.01)
        assert (float(row["meters"]) <= 25) == (row["correct"] == "1")


# What a domain's entry has beside the scores, which its slices have too.
RESULT_ALONE = ("bootstrap95", "coordinates", "folders", "localization", "meters", "protocol", "seconds", "slices")


@pytest.mark.slow
def test_recalls_by_condition(trained, mini_city, tmp_path):
    """The mini city's six queries, three of them noted: day, night, night."""
    _, run, _ = trained
    city = tmp_path / "noted"
    shutil.copytree(mini_city / "images/test", city / "images/test")
    queries = sorted((city / "images/test/queries").iterdir())
    for path, note in zip(queries, ("day", "night", "night_sideways", "", "query", ""), strict=True):
        path.rename(path.with_name(path.name.replace("@@.jpg", f"@{note}@.jpg")))
    done = geoloc(tmp_path, "task=test", f"checkpoint={run}", f"test_folders=[{city}]", "trainer=cpu", "num_workers=0")
    assert done.returncode == 0, done.stderr
    domain = results_of(only_run(tmp_path))["domains"]["noted"]
    slices = domain["slices"]
    assert {name: scores["queries"] for name, scores in slices.items()} == {"day": 1, "night": 2, "unknown": 3}
    assert all(set(scores) == set(domain) - {*RESULT_ALONE} for scores in slices.values())
    with (only_run(tmp_path) / "predictions" / "noted.csv").open() as file:
        first = [row for row in csv.DictReader(file) if row["rank"] == "1"]
    assert [row["condition"] for row in first] == ["day", "night", "night", "", "", ""]
    for name, scores in slices.items():
        own = [row["correct"] == "1" for row in first if (row["condition"] or "unknown") == name]
        assert scores["recalls"]["1"] == pytest.approx(100 * sum(own) / len(own))
    table = [line.split() for line in done.stdout.splitlines()]
    assert ["night", *(f"{value:.1f}" for value in slices["night"]["recalls"].values()), "2", "2"] in table
    page = (only_run(tmp_path) / "report.html").read_text()
    of_conditions = page[page.index("<th>condition</th>") :].partition("</table>")[0]
    assert re.findall(r"<tr><td>(\w+)</td>", of_conditions) == ["day", "night", "unknown"]
    # The whole domain's recalls are those of the city without notes.
    assert results_of(run)["domains"]["mini"]["recalls"] == domain["recalls"]
    assert results_of(run)["domains"]["mini"]["slices"] == {}


def test_the_page_is_self_contained(trained):
    page = (trained[1] / "report.html").read_text()
    assert not re.search(r"<script [^>]*src|<link|@import|url\(", page)
    assert set(re.findall(r"https?://[^/]*", page)) == {"https://www.openstreetmap.org"}  # of links alone
    assert page.count("data:image/jpeg;base64") >= 1


@pytest.mark.slow
def test_testing_the_checkpoint_repeats_the_recalls_exactly(trained, mini_city):
    folder, run, _ = trained
    for name, checkpoint in (("again", f"{run}/checkpoints/best.ckpt"), ("folder", str(run))):
        done = geoloc(folder, "task=test", f"checkpoint={checkpoint}", f"test_folders=[{mini_city}]", f"name={name}")
        assert done.returncode == 0, done.stderr
        again = only_run(folder, name)
        assert results_of(again)["domains"]["mini"]["recalls"] == results_of(run)["domains"]["mini"]["recalls"]
        assert (again / "predictions/mini.csv").read_text() == (run / "predictions/mini.csv").read_text()


@pytest.mark.slow
def test_an_untrained_network_is_said_to_be_one(trained, mini_city):
    folder, _, _ = trained
    done = geoloc(folder, "task=test", *TINY, f"data.path={mini_city}", "name=untrained")
    assert done.returncode == 0, done.stderr
    assert "warning: no checkpoint: an UNTRAINED network is judged" in done.stderr
    assert any("UNTRAINED" in line for line in results_of(only_run(folder, "untrained"))["warnings"])


@pytest.mark.slow
def test_wrong_input_is_one_line_each_and_exit_code_2(tmp_path, mini_city):
    base = [*TINY, f"data.path={mini_city}"]
    for arguments, message in (
        (["sede=3"], "error: sede: no such key; --help lists all keys\n"),
        (
            ["postprocess.panoramas.depth=3"],
            "error: postprocess.panoramas: this step is not in the chain; put it there",
        ),
        (["postprocess=[panorama]"], "there are alpha_qe, geo_agglomerative, geo_dbscan, geo_density, geo_neighbours"),
        (["postprocess=[panoramas,alpha_qe,panoramas]"], "error: postprocess: panoramas is typed twice, and a chain"),
        (
            ["optimizer=adamm"],
            "error: optimizer=adamm: no such choice; there are adam, adamw, asgd, sgd; did you mean adam?",
        ),
        (["data_dir=/data/my photos/(old)"], "cannot be read; put the value in quotes"),
        (["checkpoint=logs/epoch=1-step=5.ckpt"], "cannot be read; put the value in quotes"),
        (
            [*base, "+sede=3", "backbone.cut=conv3"],
            "error: sede: no such key; did you mean seed?\nerror: backbone.cut:",
        ),
        ([*base, "checkpoint=gone.ckpt"], "error: checkpoint=gone.ckpt: no such file"),
        ([*base, "test_folders=[a,b]"], "a/images/test/database and a/images/test/queries: no such folder"),
        (["resume=nowhere"], "error: resume=nowhere: not the folder of a run"),
    ):
        done = geoloc(tmp_path, *arguments)
        assert done.returncode == 2, (arguments, done.stderr)
        assert message in done.stderr, (arguments, done.stderr)
        assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_help_tells_what_can_be_typed_and_may_be_cut_off(tmp_path, monkeypatch):
    done = geoloc(tmp_path, "--help")
    assert done.stdout.startswith("geoloc trains and evaluates networks that tell where a photo was taken.\n")
    assert "optimizer: adam, adamw, asgd, sgd\n" in done.stdout
    assert "optimizer=adamw aug=night" in done.stdout
    for unbuffered in ("", "1"):
        monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
        cut = start(tmp_path, "--help")
        cut.stdout.close()  # as `head` does
        assert cut.stderr.read() == ""
        assert cut.wait() == 1
    assert list(tmp_path.iterdir()) == []  # nothing was run


@pytest.mark.slow
def test_a_damaged_image_names_itself_and_loses_nothing(tmp_path, mini_city):
    city = write_mini_city(tmp_path / "city")
    victim = sorted((city / "images/test/database").iterdir())[3]
    victim.write_bytes(victim.read_bytes()[:200])
    done = geoloc(tmp_path, *TINY, f"data.path={city}", "num_workers=2")
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert line.startswith(f"error: {victim}: cannot be read as an image")
    assert "Traceback" not in done.stderr
    run = only_run(tmp_path)
    assert results_of(run)["status"] == "failed"
    best = (run / "checkpoints" / "best.ckpt").read_bytes()
    write_mini_city(city)  # the image is whole again
    done = geoloc(tmp_path, f"resume={run}")
    assert done.returncode == 0, done.stderr
    results = results_of(run)
    assert (results["status"], results["domains"]["city"]["queries"]) == ("finished", 6)
    assert "error" not in results
    assert (run / "checkpoints" / "best.ckpt").read_bytes() == best  # only the testing was done again


@pytest.mark.slow
def test_an_evaluation_that_never_came_is_said(tmp_path, mini_city):
    done = geoloc(tmp_path, *TINY, f"data.path={mini_city}", "trainer.check_val_every_n_epoch=5")
    assert done.returncode == 0, done.stderr
    results = results_of(only_run(tmp_path))
    assert any("no validation took place in so few epochs" in warning for warning in results["warnings"])
    assert results["model"]["weights"] == "trained by this run, last.ckpt; started from none"


@pytest.mark.slow
def test_three_runs_in_the_same_second_get_three_folders(tmp_path):
    """Field fault E1. The runs fail on purpose, since only their folders matter here."""
    jobs = [start(tmp_path, "task=test", "test_folders=[gone]") for _ in range(3)]
    assert [job.wait() for job in jobs] == [2, 2, 2]
    runs = list((tmp_path / "logs" / "default").iterdir())
    assert len(runs) == 3
    assert all(results_of(run)["status"] == "failed" for run in runs)


@pytest.mark.slow
def test_a_killed_run_is_continued_and_ends_as_if_nothing_had_happened(tmp_path, mini_city, trained):
    arguments = [*TINY, f"data.path={mini_city}", "optimizer=adamw", "aug=night", "scheduler=cosine"]
    job = start(tmp_path, *arguments)
    last = None
    while last is None and job.poll() is None:
        last = next((tmp_path / "logs" / "default").glob("*/checkpoints/last.ckpt"), None)
    job.kill()
    job.wait()
    run = only_run(tmp_path)
    done = geoloc(tmp_path, f"resume={run.relative_to(tmp_path)}")
    assert done.returncode == 0, done.stderr
    assert only_run(tmp_path) == run
    straight = trained[1]
    for name in ("best", "last"):
        ours, theirs = (
            torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"]
            for folder in (run, straight)
        )
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert (run / "metrics.csv").read_text() == (straight / "metrics.csv").read_text()
    assert results_of(run)["domains"]["mini"]["recalls"] == results_of(straight)["domains"]["mini"]["recalls"]
    again = geoloc(tmp_path, f"resume={run}")
    assert again.returncode == 2
    assert "that run has finished" in again.stderr


@pytest.mark.slow
def test_a_sweep_gives_a_folder_a_job_and_a_leaderboard_even_if_one_fails(tmp_path, mini_city):
    base = [*TINY, f"data.path={mini_city}", "trainer.max_epochs=1"]
    done = geoloc(tmp_path, "-m", *base, "optimizer=sgd,adamw", "aug=none,night")
    assert done.returncode == 0, done.stderr
    sweep = only_run(tmp_path)
    assert sweep.name.endswith("_sweep")
    assert sorted(path.name for path in sweep.iterdir() if path.is_dir()) == ["0", "1", "2", "3"]
    with (sweep / "leaderboard.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["optimizer"], row["aug"]) for row in rows} == {
        (o, a) for o in ("sgd", "adamw") for a in ("none", "night")
    }
    assert all(row["status"] == "finished" for row in rows)
    assert all(float(row["mini/R20"]) == 100 for row in rows)
    # One of them is interrupted while testing, and resumed later on.
    results = results_of(sweep / "2")
    del results["domains"]
    (sweep / "2" / "results.json").write_text(json.dumps({**results, "status": "interrupted"}))
    done = geoloc(tmp_path, f"resume={sweep / '2'}")
    assert done.returncode == 0, done.stderr
    with (sweep / "leaderboard.csv").open() as file:
        again = list(csv.DictReader(file))
    assert again == rows
    failing = geoloc(tmp_path, "-m", *base, "name=failing", "miner.negatives=2,0", "logger=wandb_offline")
    assert failing.returncode == 2, failing.stderr
    assert "error: miner: " in failing.stderr
    sweep = only_run(tmp_path, "failing")
    with (sweep / "leaderboard.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["miner.negatives"], row["status"]) for row in rows] == [("2", "finished"), ("0", "failed")]


@pytest.mark.slow
@pytest.mark.parametrize(
    "choices",
    [
        ["optimizer=sgd", "scheduler=plateau", "miner=full", "aug=color", "aggregator=gem", "logger=tensorboard"],
        ["optimizer=asgd", "scheduler=step", "miner=random", "logger=wandb_offline", "backbone.cut=conv5"],
        ["backbone=resnet50", "aug=night", "logger=[csv,tensorboard]"],
        ["backbone=resnet101", "backbone.cut=conv5", "aggregator=gem"],
        ["backbone=efficientnet_lite0", "loss.distance=squared_euclidean"],
    ],
)
def test_the_other_choices_train_too(tmp_path, mini_city, choices):
    base = [*TINY, f"data.path={mini_city}", "trainer.max_epochs=1"]
    gem = "aggregator=gem" in choices
    done = geoloc(tmp_path, *[key for key in base if not (gem and "clusters" in key)], *choices)
    assert done.returncode == 0, done.stderr
    run = only_run(tmp_path)
    assert results_of(run)["domains"]["mini"]["queries"] == 6
    if any("tensorboard" in choice for choice in choices):
        assert list((run / "tensorboard").glob("events.*"))
    if "logger=wandb_offline" in choices:
        assert list((run / "wandb").glob("offline-run-*"))


@pytest.mark.slow
def test_two_processes_give_the_recalls_of_one(tmp_path, mini_city, trained):
    """Field fault C8: 12 database and 6 queries, uneven shares, padding samples."""
    _, run, _ = trained
    arguments = ["task=test", f"checkpoint={run}", f"test_folders=[{mini_city}]", "trainer.accelerator=cpu"]
    done = geoloc(tmp_path, *arguments, "trainer=ddp", "infer_batch_size=4", "num_workers=0")
    assert done.returncode == 0, done.stderr
    two = only_run(tmp_path)
    assert results_of(two)["domains"]["mini"]["recalls"] == results_of(run)["domains"]["mini"]["recalls"]
    ours, theirs = (list(csv.DictReader((r / "predictions/mini.csv").read_text().splitlines())) for r in (two, run))
    # Convolutions round differently with the number of images at hand, so distances agree to their last digit only.
    assert [float(row.pop("distance")) for row in ours] == pytest.approx(
        [float(row.pop("distance")) for row in theirs], abs=2e-6
    )
    assert ours == theirs


@pytest.mark.slow
def test_two_processes_measure_each_photo_at_its_own_place(tmp_path, mini_city, trained):
    """Five queries, so that the second process has fewer; the first of them is noted."""
    _, run, _ = trained
    city = tmp_path / "grey"
    shutil.copytree(mini_city / "images/test", city / "images/test")
    noted, *others, last = sorted((city / "images/test/queries").iterdir())
    last.unlink()
    noted.rename(noted.with_name(noted.name.replace("@@.jpg", "@rain@.jpg")))
    for path, grey in zip(others, (0, 255, 255, 0), strict=True):
        Image.new("RGB", (64, 64), (grey, grey, grey)).save(path)
    arguments = ["task=test", f"checkpoint={run}", f"test_folders=[{city}]", "slices=brightness", "num_workers=0"]
    done = geoloc(tmp_path, *arguments, "trainer=ddp", "trainer.accelerator=cpu")
    assert done.returncode == 0, done.stderr
    with (only_run(tmp_path) / "predictions" / "grey.csv").open() as file:
        conditions = [row["condition"] for row in csv.DictReader(file) if row["rank"] == "1"]
    assert conditions == ["rain", "night", "day", "day", "night"]
    slices = results_of(only_run(tmp_path))["domains"]["grey"]["slices"]
    assert {name: scores["queries"] for name, scores in slices.items()} == {"day": 2, "night": 2, "rain": 1}


@pytest.mark.slow
def test_a_look_at_the_augmentation(mini_city, tmp_path):
    """task=check: 6 train queries, the photo and five draws each, in tiles of 240 x 180 with gaps of 6 pixels."""
    data = ["data=folder", f"data.path={mini_city}", "image_size=[64,64]"]
    done = geoloc(tmp_path, "task=check", *data, "aug=night")
    assert done.returncode == 0, done.stderr
    sheet = Image.open(only_run(tmp_path) / "augmentation.jpg")
    assert sheet.size == (6 * 246 - 6, 6 * 186 - 6)
    assert results_of(only_run(tmp_path))["status"] == "finished"
    mine = tmp_path / "mine" / "experiment"
    mine.mkdir(parents=True)
    (mine / "own.yaml").write_text("# @package _global_\ndefaults:\n  - override /aug: none\nname: plain\n")
    plain = geoloc(tmp_path, "task=check", *data, f"hydra.searchpath=[file://{tmp_path / 'mine'}]", "experiment=own")
    assert plain.returncode == 0, plain.stderr
    assert "aug=none: train queries stay as they are" in plain.stderr
    twins = geoloc(tmp_path, *TINY, f"data.path={mini_city}", "aug=translated", "name=twins")
    assert twins.returncode == 2
    assert "6 of 6 training queries have no night twin; make them with: python scripts/translate.py" in twins.stderr
