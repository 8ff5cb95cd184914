"""Studies and searches: what their files ask for, what they refuse, and whole sweeps as a user would type them."""

from __future__ import annotations

import csv
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from command_line import TINY, geoloc, only_run, results_of
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from mini import write_hard_city
from omegaconf import open_dict

from geoloc.config import problems
from geoloc.folders import new_job
from geoloc.run import conf_folder

ROOT = conf_folder().parent
BASE = [*TINY, "trainer.max_epochs=1", "recall_values=[1,2,5]", "monitor=R2"]
STUDIES = [f"experiment={path.stem}" for path in sorted((ROOT / "conf" / "experiment").glob("*_study.yaml"))]
ALL = [*STUDIES, *(f"hparams_search={path.stem}" for path in sorted((ROOT / "conf" / "hparams_search").glob("*.yaml")))]
PLUGIN = importlib.util.find_spec("optuna") is not None
needs_plugin = pytest.mark.skipif(not PLUGIN, reason="needs the extra sweep")


def params_of(choice):
    """What a file sweeps over: {key: values}."""
    content = yaml.safe_load((ROOT / "conf" / f"{choice.replace('=', '/')}.yaml").read_text())
    return content["hydra"]["sweeper"]["params"]


def composed(*overrides, mode="MULTIRUN"):
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        cfg = compose("config", list(overrides), return_hydra_config=True)
        with open_dict(cfg):
            cfg.hydra.runtime.output_dir = "out"
            cfg.hydra.mode = mode
        HydraConfig.instance().set_config(cfg)
        with open_dict(cfg):
            del cfg["hydra"]
    return cfg


@pytest.fixture
def hard_city(tmp_path):
    return write_hard_city(tmp_path / "data" / "hard")


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open() as opened:
        return list(csv.DictReader(opened))


@pytest.mark.parametrize("choice", ALL)
def test_keys_that_are_swept_exist(choice):
    """Each is in the config that the file itself gives; values of a key follow in another test."""
    if not PLUGIN and choice in ("hparams_search=optuna", "hparams_search=night_augmentation"):
        pytest.skip("needs the extra sweep")
    cfg = composed(choice)
    for key in params_of(choice):
        node = cfg
        for part in key.split("."):
            node = node[int(part) if part.isdigit() else part]


@pytest.mark.parametrize(
    ("choice", "key", "value"),
    [
        (choice, key, value)
        for choice in [*STUDIES, "hparams_search=grid"]
        for key, values in params_of(choice).items()
        if key != "seed"
        for value in values.split(",")
    ],
)
def test_every_value_of_a_study_composes(choice, key, value):
    assert problems(composed(choice, f"{key}={value}")) == []


def test_the_night_study_is_that_of_the_issue():
    cfg = composed("experiment=night_study")
    assert params_of("experiment=night_study")["seed"] == "0,1,2,3,4"
    assert cfg.baseline == "aug=none"
    assert (cfg.backbone._target_.rpartition(".")[2], cfg.backbone.weights) == ("EfficientNetLite0", "imagenet")
    assert list(cfg.test) == ["demo_city_day", "demo_city_night"]
    assert composed("experiment=night_study", "backbone=resnet18").backbone.weights == "none"


def test_a_study_without_m_is_refused_unless_it_resumes_a_job():
    (line,) = problems(composed("experiment=night_study", mode="RUN"))
    assert line == (
        "experiment=night_study: is a study of several runs; start it with -m:"
        " python -m geoloc.run -m experiment=night_study"
    )
    assert problems(composed("experiment=night_study", "resume=logs/x/3", mode="RUN")) == []


def test_lr_scale_multiplies_the_default_of_each_optimizer():
    defaults = {"adam": 5e-4, "adamw": 5e-4, "sgd": 3e-2, "asgd": 3e-2}  # of the demo city
    for optimizer, lr in defaults.items():
        assert composed(f"optimizer={optimizer}").optimizer.lr == lr
        assert composed(f"optimizer={optimizer}", "lr_scale=0.3").optimizer.lr == pytest.approx(0.3 * lr)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["lr_scale=3", "optimizer.lr=0.1"], "lr_scale: has no effect, since optimizer.lr is given; leave one of them"),
        (["lr_scale=0"], "lr_scale: input should be greater than 0, not 0"),
        (["baseline=3"], "baseline: must be KEY=VALUE or a list of such, not 3"),
    ],
)
def test_wrong_values_get_one_line(overrides, message):
    assert problems(composed(*overrides))[0].startswith(message)


def test_a_continued_sweep_writes_over_no_job(tmp_path):
    assert [new_job(str(tmp_path / "sweep"), number) for number in (0, 1)] == [0, 1]
    assert [new_job(str(tmp_path / "sweep"), number) for number in (0, 1)] == [2, 3]  # numbers as Hydra counts again


@pytest.mark.skipif(PLUGIN, reason="the extra sweep is installed")
def test_without_the_plugin_the_line_says_what_to_install(tmp_path):
    for arguments in (["-m", "hparams_search=optuna"], ["hparams_search=night_augmentation"]):
        done = geoloc(tmp_path, *arguments)
        assert done.returncode == 2
        assert done.stderr == "error: hydra/sweeper=optuna: the plug-in is not installed: pip install -e '.[sweep]'\n"


@pytest.mark.slow
def test_a_study_from_sweep_to_judgement_elsewhere(tmp_path, hard_city):
    typed = ["experiment=night_study", "backbone=resnet18", "aug=night,none", "seed=0,1"]
    typed += [f"data.path={hard_city}", f"val_folder={hard_city}"]
    done = geoloc(tmp_path, "-m", *BASE, *typed)
    assert done.returncode == 0, done.stderr
    sweep = only_run(tmp_path, "night_study")
    before = (sweep / "study.csv").read_text()
    results = results_of(sweep / "0")
    (sweep / "0" / "results.json").write_text(json.dumps({**results, "status": "interrupted", "domains": {}}))
    done = geoloc(tmp_path, f"resume={sweep / '0'}")
    assert done.returncode == 0, done.stderr
    assert (sweep / "study.csv").read_text() == before
    night, none = rows_of(sweep / "study.csv")
    recalls = [results_of(sweep / str(job))["domains"]["hard"]["recalls"]["1"] for job in range(4)]
    assert float(none["hard/R1"]) == pytest.approx((recalls[2] + recalls[3]) / 2, abs=1e-4)
    difference = (recalls[0] - recalls[2] + recalls[1] - recalls[3]) / 2
    assert float(night["hard/R1_difference"]) == pytest.approx(difference, abs=1e-4)
    assert (night["seeds"], night["pairs"]) == ("2", "2")
    assert "- baseline: aug=none\n" in (sweep / "study.md").read_text()

    other = write_hard_city(tmp_path / "it's" / "far, far", places=9)
    command = [sys.executable, str(ROOT / "scripts" / "judge_sweep.py"), str(sweep), str(other)]
    done = subprocess.run([*command, "--set", "num_workers=0"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "far, far: 4 networks to judge, 0 judged already" in done.stdout
    night, none = rows_of(sweep / "study_far, far.csv")
    (domain,) = {key.rpartition("/R")[0] for key in none if key.endswith("/R1")}
    judged = {
        yaml.safe_load((run / ".hydra" / "config.yaml").read_text())["checkpoint"]: results_of(run)["domains"][domain]
        for run in (sweep / "judged" / "far, far").iterdir()
        if run.is_dir()
    }
    ours = [judged[str(sweep / str(job))]["recalls"]["1"] for job in range(4)]
    assert float(night[f"{domain}/R1"]) == pytest.approx((ours[0] + ours[1]) / 2, abs=1e-4)
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "far, far: 0 networks to judge, 4 judged already" in again.stdout
    twin = write_hard_city(tmp_path / "another" / "far, far")
    refused = subprocess.run([*command[:3], str(twin)], cwd=tmp_path, capture_output=True, text=True)
    assert refused.returncode == 2
    assert f"holds what {other} gave" in refused.stderr


@needs_plugin
@pytest.mark.slow
def test_a_search_maximises_the_validation_recall_and_is_continued(tmp_path, hard_city):
    import optuna

    base = ["-m", "hparams_search=optuna", *BASE, f"data.path={hard_city}"]
    done = geoloc(tmp_path, *base, "hydra.sweeper.n_trials=3")
    assert done.returncode == 0, done.stderr
    sweep = only_run(tmp_path)
    done = geoloc(tmp_path, *base, "hydra.sweeper.n_trials=1", f"hydra.sweep.dir={sweep.relative_to(tmp_path)}")
    assert done.returncode == 0, done.stderr
    assert only_run(tmp_path) == sweep
    trials = optuna.load_study(study_name="default", storage=f"sqlite:///{sweep}/optuna.db").trials
    best = [max(float(row["val/R2_mean"]) for row in rows_of(sweep / f"{job}" / "metrics.csv")) for job in range(4)]
    assert [trial.value for trial in trials] == pytest.approx(best)
    assert len({trial.params["lr_scale"] for trial in trials}) == 4
    found = yaml.safe_load((sweep / "optimization_results.yaml").read_text())
    assert found["best_value"] == pytest.approx(max(best))


@needs_plugin
@pytest.mark.slow
def test_a_search_over_the_night_augmentation(tmp_path, hard_city):
    typed = ["hparams_search=night_augmentation", "backbone=resnet18", f"val_folder={hard_city}"]
    mine = "hydra.sweep.dir=a/folder/of/mine"  # which is not there yet
    done = geoloc(tmp_path, "-m", *BASE, *typed, f"data.path={hard_city}", "hydra.sweeper.n_trials=1", mine)
    assert done.returncode == 0, done.stderr
    sweep = tmp_path / "a" / "folder" / "of" / "mine"
    found = yaml.safe_load((sweep / "optimization_results.yaml").read_text())["best_params"]
    cfg = yaml.safe_load((sweep / "0" / ".hydra" / "config.yaml").read_text())
    aug = cfg["aug"]
    assert aug["_target_"] == "geoloc.data.augment.smart.Smart"
    assert found == {
        "aug.count": aug["count"],
        "aug.strength.1": aug["strength"][1],
        **{f"aug.weights.{name}": aug["weights"][name] for name in ("scene", "exposure", "noise")},
    }
