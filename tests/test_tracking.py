"""Loggers over a whole command: names, groups, exit codes."""

from pathlib import Path

import pytest
from command_line import TINY, geoloc, only_run, results_of
from wandb_files import offline_runs

from geoloc.errors import InputError
from geoloc.messages import pasteable
from geoloc.run import _exit_code
from geoloc.tasks.job import Job
from geoloc.tasks.tracking import localization_rows, recall_rows, run_name


def job(command, sweep=None):
    return Job({"name": "default"}, dict, Path("x"), set(), f"python -m geoloc.run {command}", 0, sweep=sweep)


def test_the_name_of_a_run_is_what_is_typed(tmp_path):
    assert run_name(job("")) == "default"
    assert run_name(job("aug=night logger=wandb name=x resume=y lr_scale=2")) == "aug=night lr_scale=2"
    (tmp_path / "multirun.yaml").write_text(
        "hydra:\n  overrides:\n    task: [data=folder, unit_length=true, 'aug=none,night']\n"
    )
    assert run_name(job("data=folder unit_length=True aug=night", tmp_path)) == "aug=night"
    assert run_name(job("data=folder", tmp_path)) == "data=folder"
    path = "data.path='/my photos, old'"
    assert run_name(job(f"seed=1 {pasteable([path])}")) == f"seed=1 {path}"


def test_the_exit_code_is_that_of_the_process():
    assert [_exit_code(error) for error in (InputError("x"), RuntimeError("x"), KeyboardInterrupt())] == [2, 1, 130]


def test_a_domain_without_conditions_has_one_row():
    domains = {"a": {"recalls": {"1": 50.0}, "slices": {}, "queries": 4, "answerable": 3, "database": 9}}
    assert recall_rows(domains)[1] == [["a", "all", 50.0, 4, 3, 9]]


def test_voted_positions_have_a_row_each_domain_in_metres():
    sure = {"within": 75.0, "radius_m": 25.0, "median_error_m": 4.2, "ece": 0.1, "threshold": None}
    sure |= {"mean_confidence": 0.9, "nearer_than_expected": 31.0, "aurc_floor": 0.03}  # too sure
    domains = {"a": {"localization": sure}, "frames": {}, "b": {"localization": {"within": 10.0, "radius_m": 5.0}}}
    columns, rows = localization_rows(domains)
    assert [dict(zip(columns, row, strict=True)) for row in rows] == [
        {**dict.fromkeys(columns), "domain": "a", **sure},
        {**dict.fromkeys(columns), "domain": "b", "within": 10.0, "radius_m": 5.0},
    ]
    assert localization_rows({"frames": {}})[1] == []


@pytest.mark.slow
def test_each_job_of_a_sweep_has_its_run_with_its_exit_code(tmp_path, mini_city, monkeypatch):
    monkeypatch.delenv("WANDB_MODE", raising=False)
    typed = [*TINY, "trainer.max_epochs=1", f"data.path={mini_city}", "logger=wandb_offline"]
    # Nothing lies outside a million metres, which only mining finds out.
    done = geoloc(tmp_path, "-m", *typed, "radius.negative=25,1e6")
    assert done.returncode == 2, done.stderr
    sweep = only_run(tmp_path)
    assert [results_of(sweep / each)["status"] for each in ("0", "1")] == ["finished", "failed"]
    (good,), (bad,) = offline_runs(sweep / "0"), offline_runs(sweep / "1")
    assert (good.exit_code, bad.exit_code) == (0, 2)
    assert good.run.run_id != bad.run.run_id
    assert [each.run.run_group for each in (good, bad)] == [f"default/{sweep.name}"] * 2
    assert [each.run.display_name for each in (good, bad)] == ["radius.negative=25", "radius.negative=1000000.0"]
    assert good.summary["test/mini/R1"] == results_of(sweep / "0")["domains"]["mini"]["recalls"]["1"]
    assert not any(key.startswith(("test/", "objective")) for key in bad.summary)
    assert not (tmp_path / "wandb").exists()

    judged = geoloc(tmp_path, "task=test", f"checkpoint={sweep / '0'}", f"test_folders=[{mini_city}]", *typed[-1:])
    assert judged.returncode == 0, judged.stderr
    (run,) = [path for path in (tmp_path / "logs" / "default").iterdir() if path != sweep]
    (own,) = offline_runs(run)
    assert (own.run.job_type, own.exit_code, own.run.run_group) == ("test", 0, "")
    assert own.summary["test/mini/R1"] == results_of(run)["domains"]["mini"]["recalls"]["1"]
