"""`geoloc.load`, and what a Python program sees of geoloc."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mini import write_side
from networks import images, spec_of

import geoloc
from geoloc.errors import InputError
from geoloc.net import DescriptorNet

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "0"
    folder.mkdir()
    torch.manual_seed(0)
    DescriptorNet.from_spec(spec_of(aggregator="gem", size=(32, 48))).save(folder)
    return folder


def test_a_runs_folder_or_its_files(run):
    batch = images(2, 3, 32, 48)
    wanted = geoloc.load(run).describe(batch)
    for path in (str(run), run / "model.safetensors", run / "model.yaml"):
        assert torch.equal(geoloc.load(path).describe(batch), wanted)
    assert geoloc.load(run, device="cpu").mean.device.type == "cpu"
    assert geoloc.load(run, device=torch.device("meta")).mean.device.type == "meta"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there(run):
    with pytest.raises(InputError, match=r"device=cuda: cannot be used here \("):
        geoloc.load(run, device="cuda")
    with pytest.raises(InputError, match=r"device=gpu: cannot be used here \("):
        geoloc.load(run, device="gpu")


def test_other_things_are_told_what_they_are(run, tmp_path):
    with pytest.raises(InputError, match=rf"is a folder of several runs, such as a sweep; .* such as {run}"):
        geoloc.load(run.parent)
    (tmp_path / ".hydra").mkdir()
    with pytest.raises(InputError, match=rf"has not finished, .*; python -m geoloc\.run resume={tmp_path} goes"):
        geoloc.load(tmp_path)
    (tmp_path / "best.ckpt").write_bytes(b"")
    with pytest.raises(
        InputError, match=r"best\.ckpt: .* no checkpoint; python -m geoloc\.run task=export checkpoint="
    ):
        geoloc.load(tmp_path / "best.ckpt")
    with pytest.raises(InputError, match="gone: no such folder"):
        geoloc.load(tmp_path / "gone")


def test_damaged_files(run, tmp_path):
    for name in ("model.yaml", "model.safetensors"):
        for each in ("model.yaml", "model.safetensors"):
            (tmp_path / each).write_bytes((run / each).read_bytes())
        (tmp_path / name).write_bytes((run / name).read_bytes()[:99] + b"{")
        with pytest.raises(InputError, match=rf"{name}: is damaged, or no file of a network \(") as error:
            geoloc.load(tmp_path)
        assert "\n" not in str(error.value)


def test_a_fresh_process_needs_torch_and_little_else(run, tmp_path):
    """Describing, building an index and searching: with none of the packages that training needs."""
    write_side(tmp_path / "photos", [500_000 + 100 * n for n in range(20)])
    code = f"""
import sys
blocked = ("pytorch_lightning", "lightning", "torchmetrics", "hydra", "omegaconf", "wandb", "faiss", "matplotlib")
blocked += ("timm", "pydantic", "jinja2", "optuna", "tensorboard")
for name in blocked:
    sys.modules[name] = None
import geoloc
net = geoloc.load({str(run)!r})
index = geoloc.Index.build(net, {str(tmp_path / "photos")!r}, {str(tmp_path / "index")!r})
hits = geoloc.Index.load({str(tmp_path / "index")!r}, net).search(index.paths[3], 2, net)
print(net.describe(index.paths[3]).shape[1], hits.rows[0, 0], len(index))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "256 3 20\n", done.stderr


@pytest.mark.slow
def test_types_are_seen_by_those_who_use_it(tmp_path):
    (tmp_path / "user.py").write_text("""
import geoloc
import numpy as np

net = geoloc.load("run", device="cpu")
reveal_type(net.describe("photo.jpg"))
reveal_type(net.describe([np.zeros((2, 2, 3), np.uint8)]))
index = geoloc.Index.build(net, "photos", "index", dtype="float16")
reveal_type(index)
reveal_type(index.add(["a.jpg"], net, same="skip"))
hits = index.search(["photo.jpg"], k=5, net=net)
reveal_type(hits)
reveal_type(hits.predictions)
reveal_type(geoloc.Index.load("index", net).frame.zone)
""")
    (tmp_path / "wrong.py").write_text("""
import geoloc

geoloc.Photos
geoloc.load(7)
geoloc.Index.build(geoloc.load("run"), "photos", dtype="int8")
""")
    # A user has no settings.
    command = [sys.executable, "-m", "mypy", "--config-file=", "--cache-dir", str(tmp_path / "cache")]
    done = subprocess.run([*command, "user.py", "wrong.py"], cwd=tmp_path, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    shown = [
        line.split("Revealed type is ")[1].strip('"').removeprefix("builtins.") for line in lines if "Revea" in line
    ]
    assert shown == [
        "torch._tensor.Tensor",
        "torch._tensor.Tensor",
        "geoloc.place_index.index.Index",
        "int",
        "geoloc.place_index.hits.Hits",
        "geoloc.predictions.Predictions",
        "str",
    ]
    errors = [line for line in lines if ": error: " in line]
    assert [line.split(":")[0] for line in errors] == ["wrong.py"] * 3
    for line, wanted in zip(
        errors, ('no attribute "Photos"', 'Argument 1 to "load"', 'Argument "dtype" to "build"'), strict=True
    ):
        assert wanted in line
