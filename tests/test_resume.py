"""What may be resumed, and with what; field faults E4 and E6."""

from __future__ import annotations

import json

import pytest
from omegaconf import OmegaConf

from geoloc.errors import InputError
from geoloc.resume import lock_run, refuse_drift, resumed_arguments


@pytest.fixture
def interrupted(tmp_path):
    """The folder of a run that was interrupted after an epoch; there is a quote in its name."""
    run = tmp_path / "tim's run"
    (run / ".hydra").mkdir(parents=True)
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "last.ckpt").touch()
    (run / ".hydra" / "overrides.yaml").write_text("- optimizer=adamw\n- aug=night\n")
    (run / ".hydra" / "hydra.yaml").write_text("hydra: {overrides: {hydra: ['hydra.job.chdir=false']}}\n")
    (run / ".hydra" / "config.yaml").write_text("{lr: {backbone: 0.1}, patience: 3, name: default, old: 1}\n")
    (run / "results.json").write_text(json.dumps({"status": "interrupted"}))
    return run


def test_the_old_arguments_come_first_and_the_folder_is_the_old_one(interrupted):
    quoted = str(interrupted).replace("'", "\\'")
    assert resumed_arguments(["patience=5", f"resume='{interrupted}'"]) == [
        "optimizer=adamw",
        "aug=night",
        "patience=5",
        f"resume='{quoted}'",
        f"hydra.run.dir='{quoted}'",
        "hydra.output_subdir=.hydra/resumed_1",
    ]


def test_what_was_typed_at_the_last_resume_still_holds(interrupted):
    for number, value in ((1, 5), (2, 6)):
        (interrupted / ".hydra" / f"resumed_{number}").mkdir()
        overrides = f"- optimizer=adamw\n- aug=night\n- patience={value}\n- resume='x'\n"
        (interrupted / ".hydra" / f"resumed_{number}" / "overrides.yaml").write_text(overrides)
    arguments = resumed_arguments([f"resume={interrupted}"])
    assert arguments[:3] == ["optimizer=adamw", "aug=night", "patience=6"]
    assert arguments[3].startswith("resume='")
    assert arguments[-1] == "hydra.output_subdir=.hydra/resumed_3"


def test_where_the_run_found_its_yaml_files_is_remembered(interrupted):
    searched = "hydra.searchpath=[file:///mine/conf]"
    (interrupted / ".hydra" / "hydra.yaml").write_text(f"hydra: {{overrides: {{hydra: ['{searched}']}}}}\n")
    assert resumed_arguments([f"resume={interrupted}"])[0] == searched


def test_a_value_that_others_follow_cannot_change(interrupted):
    config = "{scheduler: {T_max: '${trainer.max_epochs}'}, trainer: {max_epochs: %d}, resume: null}"
    (interrupted / ".hydra" / "config.yaml").write_text(config % 4)
    refuse_drift(OmegaConf.create(config % 4), interrupted, {"trainer.max_epochs"})
    with pytest.raises(
        InputError, match=r"^resume: trainer\.max_epochs cannot change now, since scheduler\.T_max follows"
    ):
        refuse_drift(OmegaConf.create(config % 9), interrupted, {"trainer.max_epochs"})


def test_without_resume_nothing_changes():
    for arguments in (["optimizer=sgd"], ["optimizer=sgd", "resume=null"], ["resume="]):
        assert resumed_arguments(arguments) == arguments


def test_what_would_make_it_another_run_is_refused(interrupted):
    with pytest.raises(InputError, match=r"^resume: optimizer=sgd \+seed=3 cannot change now; only .*patience"):
        resumed_arguments([f"resume={interrupted}", "optimizer=sgd", "+seed=3", "patience=5"])


def test_runs_that_cannot_be_resumed(interrupted, tmp_path):
    with pytest.raises(InputError, match="not the folder of a run"):
        resumed_arguments([f"resume={tmp_path}"])
    (interrupted / "results.json").write_text(json.dumps({"status": "finished"}))
    with pytest.raises(InputError, match="that run has finished"):
        resumed_arguments([f"resume={interrupted}"])
    (interrupted / "checkpoints" / "last.ckpt").unlink()
    with pytest.raises(InputError, match="interrupted before the end of its first epoch"):
        resumed_arguments([f"resume={interrupted}"])


def test_a_test_that_was_killed_before_it_told_of_itself_is_resumed(interrupted):
    (interrupted / "checkpoints" / "last.ckpt").unlink()
    (interrupted / "results.json").unlink()
    for task in ("test", "describe"):
        (interrupted / ".hydra" / "config.yaml").write_text(f"task: {task}\n")
        assert resumed_arguments([f"resume={interrupted}"])[:2] == ["optimizer=adamw", "aug=night"]
    (interrupted / ".hydra" / "config.yaml").write_text("task: train\n")
    with pytest.raises(InputError, match="interrupted before the end of its first epoch"):
        resumed_arguments([f"resume={interrupted}"])


def test_two_processes_cannot_share_a_folder(interrupted):
    held = lock_run(interrupted)
    with pytest.raises(InputError, match="a run is still going on there"):
        lock_run(interrupted)
    held.release()
    lock_run(interrupted).release()


def test_defaults_that_have_changed_meanwhile_are_named(interrupted):
    same = {"lr": {"backbone": 0.1}, "patience": 3, "name": "default", "old": 1}
    refuse_drift(OmegaConf.create({**same, "resume": "x", "patience": 5}), interrupted, {"patience"})
    refuse_drift(OmegaConf.create({**same, "lr": {"backbone": 0.2}}), interrupted, {"lr"})
    now = OmegaConf.create({**same, "lr": {"backbone": 0.2}, "new": 2})
    with pytest.raises(InputError, match=r"have changed since that run: lr\.backbone, new;"):
        refuse_drift(now, interrupted, {"patience"})
