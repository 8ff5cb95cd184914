"""The dashboard of a whole run, offline, read back from its files; and what is refused."""

import csv
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import wandb
import yaml
from command_line import TINY
from in_process import job_of
from mini import write_hard_city
from PIL import Image
from pytorch_lightning import seed_everything
from wandb_files import offline_runs

from geoloc.errors import InputError
from geoloc.lit import dashboard
from geoloc.lit.dashboard import Dashboard
from geoloc.report.figures import QUERY, RIGHT, WRONG
from geoloc.tasks import train
from geoloc.tasks.tracking import end_loggers

TENSORBOARD = importlib.util.find_spec("tensorboard") is not None


class Listener:
    """Counts who calls at a local port, which stands for W&B and for every proxy on the way to anything else."""

    def __init__(self):
        self.calls = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self):
        while True:
            try:
                call, _ = self.socket.accept()
            except OSError:
                return
            self.calls.append(call.recv(200))
            call.close()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}"


def only_local(patch):
    """Make connections of this process fail unless they are to the same machine; returns those that were tried."""
    tried, connect = [], socket.socket.connect

    def guarded(self, address):
        if self.family != socket.AF_UNIX:
            tried.append(address)
            raise OSError("no network in this test")
        return connect(self, address)

    patch.setattr(socket.socket, "connect", guarded)
    return tried


def logged_out(patch, home):
    """As on a machine where nobody has logged in and no variable says how W&B is to behave."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        patch.delenv(name)
    home.mkdir(exist_ok=True)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        patch.setenv(name, str(home))
    patch.setenv("NETRC", str(home / "netrc"))


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """(run's folder, its one W&B run, connections, files elsewhere) of a training run on a city of luck."""
    root = tmp_path_factory.mktemp("tracked")
    city = write_hard_city(root / "hard")
    for number, path in enumerate(sorted((city / "images/test/queries").iterdir())):
        path.rename(path.with_name(path.name.replace("@@.jpg", f"@{'night' if number % 2 else 'day'}@.jpg")))
    loggers = "logger=[wandb_offline,tensorboard]" if TENSORBOARD else "logger=wandb_offline"
    typed = [*TINY, f"data.path={city}", loggers, "logger.wandb.worst_queries=3", "logger.wandb.tags=[a,b]"]
    typed += ["recall_values=[1,2,5]", "monitor=R2", "logger.wandb.log_model=true"]
    folder, listener = root / "run", Listener()
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        logged_out(patch, root / "home")
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "WANDB_BASE_URL"):
            patch.setenv(name, listener.address)
        before = set(os.environ)
        tried = only_local(patch)
        job = job_of(folder, *typed)
        job.command = "python -m geoloc.run data=folder lr_scale=2 logger=wandb_offline"
        seed_everything(0, workers=True, verbose=False)
        objective = train.do(job)
        end_loggers(job, 0, objective)
        left = {name for name in set(os.environ) - before if name.startswith("WANDB_")}
    listener.socket.close()
    (run,) = offline_runs(folder)
    elsewhere = [path for path in (root / "home").rglob("*") if path.is_file()]
    return folder, run, tried + listener.calls, elsewhere, objective, left


def rows_of(folder):
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_offline_makes_no_connection_and_stays_in_the_runs_folder(tracked):
    _, _, connections, elsewhere, _, left = tracked
    assert connections == []
    assert [path for path in elsewhere if path.suffix != ".log"] == []
    assert left == set()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_offline_asks_no_name_server_either(tmp_path):
    """W&B's own reports look for their server in offline mode too, which no listener hears."""
    code = (
        "import sys, numpy as np\nfrom geoloc.lit.dashboard import Dashboard\n"
        "board = Dashboard(sys.argv[1], offline=True)\nboard.begin({}, 'x', None, 'train')\n"
        "board.log_histogram('x', np.arange(3.0), 0)\nboard.log_table('t', ['a'], [[1]])\nboard.end(0, 1.0)"
    )
    command = ["strace", "-f", "-e", "trace=connect", "-o", str(tmp_path / "calls"), sys.executable, "-c", code]
    free = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    done = subprocess.run([*command, str(tmp_path / "job")], capture_output=True, text=True, env=free)
    if "ptrace" in done.stderr:
        pytest.skip("strace may not look here")
    assert done.returncode == 0, done.stderr
    (run,) = offline_runs(tmp_path / "job")
    assert run.summary["objective"] == 1
    calls = (tmp_path / "calls").read_text().splitlines()
    assert any("AF_UNIX" in call for call in calls)  # to W&B's own process
    assert [call for call in calls if "AF_INET" in call] == []


def test_offline_switches_the_reports_of_wandb_off(tmp_path, monkeypatch):
    logged_out(monkeypatch, tmp_path / "home")
    seen, init = [], wandb.init
    monkeypatch.setattr(wandb, "init", lambda **how: seen.append(dict(os.environ)) or init(**how))
    board = Dashboard(str(tmp_path / "job"), offline=True)
    board.begin({}, "x", None, "train")
    board.end(0, None)
    (variables,) = seen
    assert variables["WANDB_ERROR_REPORTING"] == "false"
    assert variables["WANDB_DATA_DIR"] == str(tmp_path / "job" / "wandb" / "data")
    assert "WANDB_ERROR_REPORTING" not in os.environ


def test_wandb_prints_nothing_and_one_line_says_where_the_run_is(tmp_path, monkeypatch, caplog, capfd):
    logged_out(monkeypatch, tmp_path / "home")
    caplog.set_level("INFO", "geoloc")
    board = Dashboard(str(tmp_path / "job"), offline=True)
    board.begin({}, "x", None, "train")
    board.end(0, 1.0)
    (folder,) = (tmp_path / "job" / "wandb").glob("offline-run-*")
    said = [record.getMessage() for record in caplog.records if record.name.startswith("geoloc")]
    assert said == [f"W&B: offline; send this run by `wandb sync {folder}`"]
    assert "".join(capfd.readouterr()) == ""


def test_a_run_that_cannot_reach_its_server_goes_on_offline(tmp_path, monkeypatch, caplog):
    logged_out(monkeypatch, tmp_path / "home")
    init = wandb.init

    def refused(**how):
        if how.get("mode") != "offline":
            raise wandb.errors.CommError("no route to host\nmore")
        return init(**how)

    monkeypatch.setattr(wandb, "init", refused)
    monkeypatch.setattr(wandb, "login", lambda **how: True)
    board = Dashboard(str(tmp_path / "job"))
    board.begin({}, "x", None, "train")
    board.end(0, 5.0)
    (run,) = offline_runs(tmp_path / "job")
    assert (run.summary["objective"], run.exit_code) == (5, 0)
    assert "W&B: no route to host; tracked offline: send it with `wandb sync` later" in caplog.text


def test_the_listener_hears_who_calls():
    listener = Listener()
    with socket.create_connection(listener.socket.getsockname()) as call:
        call.sendall(b"hello")
        call.recv(1)
    listener.socket.close()
    assert listener.calls == [b"hello"]


def test_curves_are_those_of_the_table_of_epochs(tracked):
    folder, run, *_ = tracked
    rows = rows_of(folder)
    assert len(rows) == 2
    columns = [name for name in rows[0] if name not in ("epoch", "step")]
    assert {"train/loss", "train/active", "val/hard/R1", "val/R2_mean", "mining/suspects"} <= set(columns)
    for name in columns:
        assert run.column(name) == pytest.approx({int(row["epoch"]): float(row[name]) for row in rows}, rel=1e-5)
    assert set(run.column("mining/seconds")) == {0, 1}
    assert not any("seconds" in name for name in columns)


def test_hardness_comes_as_a_histogram_for_every_epoch(tracked):
    folder, run, *_ = tracked
    counts = run.column("mining/hardness.values")
    assert {epoch: sum(values) for epoch, values in counts.items()} == {0: 8, 1: 8}  # 4 queries with 2 negatives
    if TENSORBOARD:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"histograms": 0}).Reload()
        assert [event.step for event in events.Histograms("mining/hardness")] == [0, 1]
        assert [event.histogram_value.num for event in events.Histograms("mining/hardness")] == [8, 8]
        ours = [float(row["mining/suspects"]) for row in rows_of(folder)]
        assert [event.value for event in events.Scalars("mining/suspects")] == ours


def test_test_recalls_are_those_of_results_json(tracked):
    folder, run, _, _, objective, _ = tracked
    facts = json.loads((folder / "results.json").read_text())["domains"]["hard"]
    for n, recall in facts["recalls"].items():
        assert run.summary[f"test/hard/R{n}"] == pytest.approx(recall, abs=1e-4)
        for condition in ("day", "night"):
            part = facts["slices"][condition]["recalls"][n]
            assert run.summary[f"test/hard/{condition}/R{n}"] == pytest.approx(part, abs=1e-4)
    assert run.summary["objective"] == objective == max(float(row["val/R2_mean"]) for row in rows_of(folder))
    table = run.table("recalls")
    assert table["columns"] == ["domain", "condition", "R1", "R2", "R5", "queries", "answerable", "database"]
    assert [row[:2] for row in table["data"]] == [["hard", "all"], ["hard", "day"], ["hard", "night"]]
    assert table["data"][0][2:] == [*facts["recalls"].values(), 8, 8, 16]
    assert table["data"][1][2:5] == list(facts["slices"]["day"]["recalls"].values())
    positions = run.table("localization")
    (row,) = positions["data"]
    assert dict(zip(positions["columns"], row, strict=True))["within"] == facts["localization"]["within"]


def test_names_of_metrics_are_valid(tracked):
    _, run, *_ = tracked
    part = "[A-Za-z_][A-Za-z0-9_]*"
    names = {name.split(".")[0] for row in run.history for name in row}
    assert [name for name in names if not re.fullmatch(f"{part}(/{part})*", name)] == []


def test_worst_queries_are_the_wrong_ones_that_are_farthest_off(tracked):
    folder, run, *_ = tracked
    with (folder / "predictions" / "hard.csv").open() as file:
        rows = list(csv.DictReader(file))
    wrong = [row for row in rows if row["rank"] == "1" and row["correct"] == "0"]
    expected = sorted(wrong, key=lambda row: -float(row["meters"]))[:3]
    assert len(expected) == 3
    table = run.table("worst_queries")
    names = ["domain", "query", "photo", "found_1", "found_2", "found_3", "meters", "condition", "first_correct"]
    assert table["columns"] == names
    assert [row[1] for row in table["data"]] == [row["query"] for row in expected]
    assert [row[6] for row in table["data"]] == pytest.approx([float(row["meters"]) for row in expected], abs=0.011)
    assert [row[7] for row in table["data"]] == [row["condition"] for row in expected]
    for row in table["data"]:
        right = [int(each["rank"]) for each in rows if each["query"] == row[1] and each["correct"] == "1"]
        assert row[8] == min(right, default=0)
        correct = [each["correct"] == "1" for each in rows if each["query"] == row[1]][:3]
        for photo, colour in zip(row[2:6], [QUERY, *(RIGHT if hit else WRONG for hit in correct)], strict=True):
            with Image.open(photo) as image:
                assert (image.format, image.size) == ("JPEG", (160, 120))
                assert np.abs(np.array(image.getpixel((80, 1)), int) - colour).max() < 25
            assert photo.is_relative_to(folder)


def test_the_page_and_the_checkpoint_are_there(tracked):
    folder, run, *_ = tracked
    page = run.folder / "files" / run.summary["report.path"]
    assert page.read_bytes() == (folder / "report.html").read_bytes()
    (model,) = [artifact for artifact in run.artifacts if artifact.type == "model"]
    (file,) = model.manifest.contents
    assert Path(file.local_path) == folder / "checkpoints" / "best.ckpt"
    assert "best" in model.aliases


def test_the_run_says_what_it_is(tracked):
    folder, run, *_ = tracked
    assert (run.run.project, run.run.display_name, run.run.job_type) == ("geoloc", "data=folder lr_scale=2", "train")
    assert (list(run.run.tags), run.run.run_group, run.exit_code) == (["a", "b"], "", 0)
    environment = json.loads((folder / "results.json").read_text())["environment"]
    assert (run.config["image_size"], run.config["aggregator"]["clusters"]) == ([64, 64], 4)
    assert run.config["environment"] == environment
    assert {"seed", "git", "packages", "command"} <= set(environment)


def test_a_resumed_job_goes_on_with_its_run(tmp_path, monkeypatch):
    logged_out(monkeypatch, tmp_path / "home")
    for command, code in (("lr_scale=1", 130), ("resume=x", 0)):
        board = Dashboard(str(tmp_path / "job"), offline=True)
        board.begin({"seed": 3}, command, "sweep", "train")
        board.end(code, None)
    first, second = offline_runs(tmp_path / "job")
    assert first.run.run_id == second.run.run_id
    assert [each.run.display_name for each in (first, second)] == ["lr_scale=1", "lr_scale=1"]
    assert [each.run.run_group for each in (first, second)] == ["sweep", "sweep"]
    assert [each.exit_code for each in (first, second)] == [130, 0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tags": ["x" * 65]}, "tags: W&B takes 1 to 64 characters, not 'xxx"),
        ({"project": "a/b"}, r"project: must be without / \ # ? % : at W&B, not 'a/b'"),
        ({"project": "x" * 129}, "project: W&B takes 1 to 128 characters, not 'xxx"),
        ({"name": "x" * 129}, "name: W&B takes 1 to 128 characters, not 'xxx"),
        ({"worst_queries": -1}, "worst_queries: must be at least 0, not -1"),
        ({"offline": False}, "nobody is logged in to W&B here: type `wandb login` once, or use logger=wandb_offline"),
    ],
)
def test_wrong_settings_are_refused(tmp_path, monkeypatch, arguments, message):
    logged_out(monkeypatch, tmp_path / "home")
    with pytest.raises(InputError) as refused:
        Dashboard(str(tmp_path), **{"offline": True} | arguments)
    assert str(refused.value).startswith(message)


def test_without_the_package_the_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(dashboard, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="wandb is not installed: pip install wandb, or logger=csv"):
        job_of(tmp_path, *TINY, "data.path=x", "logger=wandb_offline")


def test_who_is_not_logged_in_hears_so_before_data_are_read(tmp_path, monkeypatch):
    logged_out(monkeypatch, tmp_path / "home")
    typed = [*TINY, "data.path=nowhere", "logger=wandb"]
    with pytest.raises(InputError, match=r"^logger\.wandb: nobody is logged in"):
        job_of(tmp_path, *typed)
    assert job_of(tmp_path, *typed, "task=check").cfg["task"] == "check"  # which logs nothing
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert job_of(tmp_path, *typed).cfg["logger"]["wandb"]["offline"] is False
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert not Dashboard(str(tmp_path), offline=True).offline  # W&B itself then writes nothing
    monkeypatch.delenv("WANDB_MODE")
    asked = []
    monkeypatch.setattr("wandb.login", lambda **how: asked.append(how) or True)
    assert job_of(tmp_path, *typed).cfg["logger"]["wandb"]["offline"] is False
    assert asked == [{"prompt": False, "verify": False}]


def test_mistyped_keys_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"logger.wandb.log_modell: .* has no such argument"):
        job_of(tmp_path, *TINY, "data.path=x", "logger=wandb_offline", "+logger.wandb.log_modell=true")


def test_the_sweep_file_starts_jobs_that_compose(tmp_path):
    from wandb.sdk.launch.sweeps.utils import create_sweep_command_args, load_sweep_config

    root = Path(__file__).resolve().parents[2]
    content = load_sweep_config(str(root / "docs" / "wandb_sweep.yaml"))
    assert content == yaml.safe_load((root / "docs" / "wandb_sweep.yaml").read_text())
    assert content["metric"] == {"name": "objective", "goal": "maximize"}
    assert (root / content["program"]).is_file()
    env, interpreter, *command = content["command"]
    assert (env, interpreter, command[:2], command[-1]) == (
        "${env}",
        "${interpreter}",
        ["-m", "geoloc.run"],
        "${args_no_hyphens}",
    )
    for end in ("min", "max"):
        drawn = {key: {"value": each[end]} for key, each in content["parameters"].items()}
        typed = create_sweep_command_args({"args": drawn})["args_no_hyphens"]
        cfg = job_of(tmp_path, *command[2:-1], *typed).cfg
        assert cfg["loss"]["margin"] == content["parameters"]["loss.margin"][end]
        assert cfg["optimizer"]["weight_decay"] == content["parameters"]["optimizer.weight_decay"][end]
        assert cfg["optimizer"]["lr"] == pytest.approx(5e-4 * content["parameters"]["lr_scale"][end])


def test_a_histogram_holds_all_values(tmp_path):
    board = Dashboard(str(tmp_path), offline=True)
    board.begin({}, "x", None, "train")
    board.log_histogram("mining/hardness", np.array([0.0, 0.0, 1.0]), 4)
    board.end(0, None)
    (run,) = offline_runs(tmp_path)
    (counts,) = run.column("mining/hardness.values").values()
    assert (counts[0], counts[-1], sum(counts)) == (2, 1, 3)
