"""Studies and searches: what their files ask for, what they refuse, and whole sweeps as a user would type them."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from command_line import TINY, geoloc, only_run, results_of
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import MissingConfigException
from in_process import job_of
from mini import write_hard_city, write_mini_city
from omegaconf import open_dict
from pytorch_lightning.plugins.environments import SLURMEnvironment

from geoloc.config import problems
from geoloc.errors import InputError
from geoloc.folders import new_job
from geoloc.messages import one_line
from geoloc.run import _exit_code, conf_folder
from geoloc.sweeps import WITHOUT_VALUE, of_sweep
from geoloc.tasks import build, train

ROOT = conf_folder().parent
BASE = [*TINY, "trainer.max_epochs=1", "recall_values=[1,2,5]", "monitor=R2"]
STUDIES = [f"experiment={path.stem}" for path in sorted((ROOT / "conf" / "experiment").glob("*_study.yaml"))]
ALL = [*STUDIES, *(f"hparams_search={path.stem}" for path in sorted((ROOT / "conf" / "hparams_search").glob("*.yaml")))]
PLUGIN = importlib.util.find_spec("optuna") is not None
needs_plugin = pytest.mark.skipif(not PLUGIN, reason="needs the extra sweep")
needs_launcher = pytest.mark.skipif(importlib.util.find_spec("submitit") is None, reason="needs the extra cluster")
# A search whose trials are jobs like any other, but for what their task returns.
STUBBED = """
import sys
import geoloc.run
from geoloc.tasks.results import write_status

values = iter(map(float, sys.argv.pop(1).split()))

def do(job):
    value = next(values)
    if value < 0:
        raise RuntimeError("boom")
    write_status(job, "finished")
    return value

geoloc.run._do = do
geoloc.run.main()
"""

# A sweep whose first job fails while it holds a network, and whose third is killed.
ENDED = """
import os, signal, time, weakref
import geoloc.run

held = []

class Network: pass

def do(job):
    assert not any(network() for network in held), "the network of a failed job is still there"
    if job.seed == 0:
        network = Network()
        held.append(weakref.ref(network))
        raise RuntimeError("boom")
    if job.seed == 2:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)

geoloc.run._do = do
geoloc.run.main()
"""


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


TRAINED = {"task": "train", "trainer": {"devices": 1, "max_epochs": 5, "check_val_every_n_epoch": 5}}


def test_what_is_right_alone_may_be_wrong_in_a_sweep():
    assert of_sweep(TRAINED, None) == of_sweep(TRAINED, "maximize") == []
    assert of_sweep({**TRAINED, "task": "describe"}, None) == []

    def of_trainer(direction, **values):
        return of_sweep({"task": "train", "trainer": {**TRAINED["trainer"], **values}}, direction)

    for devices in ("1", [0], [3]):
        assert of_trainer(None, devices=devices) == []
    for devices in (2, -1, "auto", "0,1", [0, 1]):  # Lightning would start the whole sweep once more for each device
        (line,) = of_trainer(None, devices=devices)
        assert line.startswith(f"trainer.devices: a job of a sweep trains on one device, not {devices!r};")
    assert of_trainer(None, max_epochs=4) == of_trainer(None, fast_dev_run=True) == []
    (line,) = of_trainer("maximize", max_epochs=4)
    assert line.startswith("trainer.max_epochs: no validation takes place in 4 epochs")
    (line,) = of_trainer("maximize", fast_dev_run=True)
    assert line == "trainer.fast_dev_run: judges nothing that a search could maximize"
    (line,) = of_sweep({**TRAINED, "task": "describe"}, "maximize")
    assert line == "task=describe: returns nothing that a search could maximize"
    (line,) = of_sweep(TRAINED, "minimize")
    assert line.startswith("hydra.sweeper.direction: must be maximize, of recall, not minimize;")


@needs_plugin
def test_the_plugins_own_direction_is_refused():
    """It is to minimise; hparams_search=optuna sets the other one, and trials may fail."""
    (line,) = problems(composed("hydra/sweeper=optuna"))
    assert line.startswith("hydra.sweeper.direction: must be maximize, of recall, not minimize;")
    for choice in ("optuna", "night_augmentation"):
        assert problems(composed(f"hparams_search={choice}")) == []
        assert HydraConfig.get().sweeper.max_failure_rate == 1
    (line,) = problems(composed("hparams_search=optuna", "monitor=R7"))
    assert line == "monitor: R7 needs 7 among recall_values"


def test_several_devices_are_for_single_runs():
    assert problems(composed("trainer=ddp", mode="RUN")) == []
    (line,) = problems(composed("trainer=ddp"))
    assert line.startswith("trainer.devices: a job of a sweep trains on one device, not 2")


def test_a_search_without_validation_is_refused(tmp_path):
    city = write_mini_city(tmp_path / "city", places=2)
    shutil.rmtree(city / "images" / "val")
    job = job_of(tmp_path, *TINY, f"data.path={city}")
    job.searched = True
    with pytest.raises(InputError, match="val: there is no validation domain, whose recall a search goes by"):
        train.do(job)


def test_a_job_of_slurm_is_not_queued_again_by_lightning(tmp_path, monkeypatch):
    job = job_of(tmp_path, *TINY, f"data.path={tmp_path}")

    def environment():
        return build.trainer(job, [])._accelerator_connector.cluster_environment

    assert not isinstance(environment(), SLURMEnvironment)
    for name, value in {"NTASKS": "1", "JOB_NAME": "geoloc", "JOB_ID": "7", "PROCID": "0", "LOCALID": "0"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    assert environment().auto_requeue is False


@needs_launcher
def test_jobs_of_the_launchers_see_a_gpu():
    """Without gpus_per_node submitit hides all of them, and trainer=default would train on the CPU without a word."""
    for choice, kind in (("slurm", "SlurmLauncher"), ("local", "LocalLauncher")):
        composed(f"hydra/launcher={choice}")
        launcher = HydraConfig.get().launcher
        assert (launcher.gpus_per_node, launcher._target_.rpartition(".")[2]) == (1, kind)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ('Could not detect "srun", are you indeed on a slurm cluster?', "hydra/launcher=slurm: there is no SLURM"),
        ("Cannot set different distribution kind to the same parameter name.", "hydra.sweeper.params: the search in"),
    ],
)
def test_what_a_plug_in_cannot_do_with_what_was_typed_is_wrong_input(said, line):
    assert one_line(RuntimeError(said)).startswith(line)
    assert _exit_code(RuntimeError(said)) == 2


def test_tasks_without_a_value_are_those_that_return_nothing():
    tasks = [path.stem for path in (ROOT / "conf" / "task").glob("*.yaml")]
    returned = {task: importlib.import_module(f"geoloc.tasks.{task}").do.__annotations__["return"] for task in tasks}
    assert set(WITHOUT_VALUE) == {task for task, kind in returned.items() if kind == "None"}
    assert set(returned.values()) == {"None", "float"}


def test_without_a_launchers_plugin_the_line_says_what_to_install():
    error = MissingConfigException("no", "hydra/launcher/submitit_slurm", ["basic", "local", "slurm"])
    assert one_line(error) == "hydra/launcher=slurm: the plug-in is not installed: pip install -e '.[cluster]'"


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
    assert done.stderr.count(f"all jobs so far: {sweep / 'leaderboard.html'}\n") == 4
    assert done.stdout.lstrip().startswith("domain ")  # what Hydra says of its jobs is no table
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


@pytest.mark.slow
def test_a_failed_job_leaves_nothing_behind_and_a_killed_one_leaves_word(tmp_path, hard_city):
    typed = ["-m", *BASE, f"data.path={hard_city}", "seed=0,1,2,3"]
    done = subprocess.run([sys.executable, "-c", ENDED, *typed], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 130, done.stderr
    sweep = only_run(tmp_path)
    assert results_of(sweep / "0")["error"] == "RuntimeError: boom"
    assert not (sweep / "1" / "results.json").exists()  # nothing was wrong there
    assert results_of(sweep / "2")["status"] == "interrupted"
    assert {row["job"]: row["status"] for row in rows_of(sweep / "leaderboard.csv")} == {
        "0": "failed",
        "2": "interrupted",
    }
    assert not (sweep / "3").exists()


def search(folder, values, *typed):
    """A search by Optuna's own sweeper whose trials return `values`; a negative one raises."""
    command = [sys.executable, "-c", STUBBED, values, "-m", "hparams_search=optuna", *BASE, *typed]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


@needs_plugin
@pytest.mark.slow
def test_a_search_survives_what_is_no_number_and_what_fails(tmp_path, hard_city):
    import optuna

    done = search(tmp_path, "0.2 nan 0.5 -1 0.1", f"data.path={hard_city}", "hydra.sweeper.n_trials=5")
    assert done.returncode == 0, done.stderr
    sweep = only_run(tmp_path)
    assert yaml.safe_load((sweep / "optimization_results.yaml").read_text())["best_value"] == 0.5
    status = {row["job"]: row["status"] for row in rows_of(sweep / "leaderboard.csv")}
    assert status == {"0": "finished", "1": "failed", "2": "finished", "3": "failed", "4": "finished"}
    assert results_of(sweep / "1")["error"] == "ArithmeticError: the recall that decides is nan"
    page = (sweep / "leaderboard.html").read_text()
    assert "5 jobs: 3 finished, 2 failed" in page
    assert "RuntimeError: boom" in page

    folder = f"hydra.sweep.dir={sweep.relative_to(tmp_path)}"  # and again, where the first trial fails
    done = search(tmp_path, "-1 0.7", f"data.path={hard_city}", "hydra.sweeper.n_trials=2", folder)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load((sweep / "optimization_results.yaml").read_text())["best_value"] == 0.7
    trials = optuna.load_study(study_name="default", storage=f"sqlite:///{sweep}/optuna.db").trials
    assert [trial.value for trial in trials] == [0.2, None, 0.5, None, 0.1, None, 0.7]


@needs_plugin
@pytest.mark.slow
def test_a_search_without_any_result_says_so_and_a_wrong_one_ends_at_once(tmp_path, hard_city):
    done = search(tmp_path, "-1 nan", f"data.path={hard_city}", "hydra.sweeper.n_trials=2", "name=failing")
    assert done.returncode == 1
    assert done.stderr.endswith(
        "error: no trial of the search has finished; leaderboard.html in its folder tells why\n"
    )
    assert len(rows_of(only_run(tmp_path, "failing") / "leaderboard.csv")) == 2
    done = search(tmp_path, "0 0 0", f"data.path={hard_city}", "monitor=R7", "name=wrong")
    assert done.returncode == 2
    assert done.stderr.count("error: monitor: R7 needs 7 among recall_values") == 1
    assert not (only_run(tmp_path, "wrong") / "1").exists()


@needs_launcher
@pytest.mark.slow
def test_jobs_of_a_sweep_at_once(tmp_path, hard_city):
    """Each in a process of its own, on a data set of which none knows the facts yet; one fails."""
    typed = ["hydra/launcher=local", "miner.negatives=2,0", "seed=0,1", f"data.path={hard_city}"]
    done = geoloc(tmp_path, "-m", *[item for item in BASE if not item.startswith("miner.negatives")], *typed)
    assert done.returncode == 2, done.stderr
    assert "error: miner: " in done.stderr
    sweep = only_run(tmp_path)
    assert sorted(path.name for path in sweep.iterdir() if path.name.isdigit()) == ["0", "1", "2", "3"]
    rows = {(row["miner.negatives"], row["seed"]): row for row in rows_of(sweep / "leaderboard.csv")}
    assert {asked: row["status"] for asked, row in rows.items()} == {
        ("2", "0"): "finished", ("2", "1"): "finished", ("0", "0"): "failed", ("0", "1"): "failed",
    }  # fmt: skip
    for seed in ("0", "1"):
        row = rows["2", seed]
        results = results_of(sweep / row["job"])
        assert str(results["environment"]["seed"]) == seed
        assert float(row["hard/R1"]) == pytest.approx(results["domains"]["hard"]["recalls"]["1"])
    assert "4 jobs: 2 finished, 2 failed" in (sweep / "leaderboard.html").read_text()


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
