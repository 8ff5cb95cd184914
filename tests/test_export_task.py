"""task=export: from a checkpoint to files, tables and the model card, and what it refuses."""

import json
import logging
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from command_line import geoloc
from in_process import work
from mini import write_image
from networks import images, spec_of
from released import write_repository

import geoloc as package
from geoloc.checks.of_export import of_export
from geoloc.errors import CheckFailedError, InputError
from geoloc.export.formats import Exporter
from geoloc.export.parity import parity
from geoloc.export.source import source_of
from geoloc.net import DescriptorNet
from geoloc.report.compare.settings import read_config

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What a finished training leaves behind, as far as the card tells of it."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("runs") / "run"
    folder.mkdir()
    net = DescriptorNet.from_spec(spec_of("resnet18", "gem", (64, 64))).eval()
    started = "trained by this run, best.ckpt; started from /home/ann/a.ckpt"
    net.save(folder, {"weights": started, "mine": "kept", "command": "run.py \"data.path='/home/ann/my maps/town'\""})
    judged = {"recalls": {"1": 50.0, "5": 75.0}, "ci95": {"1": [15.0, 85.0]}, "queries": 4, "database": 9}
    content = {
        "task": "train",
        "model": {"digest": net.digest()},
        "domains": {"old_town": {**judged, "radius_m": 25.0}, "described_only": {"queries": 3, "database": 2}},
        "environment": {"command": "python -m geoloc.run data.path=/home/ann/town lr_scale=2"},
    }
    (folder / "results.json").write_text(json.dumps(content))
    (folder / ".hydra").mkdir()
    config = "seed: 7\ndata: {name: sf_xs}\nloss: {_target_: geoloc.losses.triplet.Triplet}\naug: {_target_: null}\n"
    (folder / ".hydra" / "config.yaml").write_text(config)
    return folder


@pytest.fixture(scope="module")
def exported(run, mini_city, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports") / "e"
    typed = (f"test_folders=[{mini_city}]", "export.photos=5", "export.batch=2")
    return work(folder, "task=export", f"checkpoint={run}", *typed)


def results_of(folder):
    return json.loads((folder / "results.json").read_text())


@pytest.mark.slow
def test_it_leaves_each_format_and_what_was_found_of_it(exported, run):
    results = results_of(exported)
    assert (results["status"], results["task"]) == ("finished", "export")
    assert results["model"]["digest"] == DescriptorNet.load(run).digest()
    told = results["export"]
    assert told["compared_on"] == "5 database photos and 5 queries of mini"
    assert {name: facts["file"] for name, facts in told["formats"].items()} == {
        "onnx": "model.onnx",
        "torch": "model.pt2",
        "weights": "model.safetensors",
    }
    for facts in told["formats"].values():
        assert facts["parity"]["images"] == 10
        assert facts["parity"]["within_tolerance"]
        assert facts["parity"]["top1_agreement"] == {"mini": 1.0}
        assert (exported / facts["file"]).stat().st_size == pytest.approx(1e6 * facts["mb"])
    assert list(told["milliseconds"]) == ["1", "2"]
    ways = list(told["milliseconds"]["2"])
    assert ways[0] == "eager"
    assert re.fullmatch(r"geoloc's fast twin \((float32|bfloat16|exact)\)", ways[1])
    assert set(ways[2:4]) == {"ONNX Runtime, CPU", "torch.export"}


@pytest.mark.slow
def test_the_folder_is_a_checkpoint_and_loads(exported, run, mini_city, tmp_path):
    net, own = package.load(exported), package.load(run)
    batch = images(2, 3, 64, 64)
    assert torch.equal(net.describe(batch), own.describe(batch))
    tested = work(
        tmp_path / "t",
        *("task=test", f"checkpoint={exported}", f"test_folders=[{mini_city}]", "trainer=cpu", "num_workers=0"),
        "trainer.enable_progress_bar=false",
    )
    assert results_of(tested)["model"]["digest"] == own.digest()
    about = read_config_of(exported)["about"]
    started = "trained by this run, best.ckpt; started from .../a.ckpt"
    assert (about["weights"], about["mine"], about["digest"]) == (started, "kept", own.digest())
    assert about["command"] == "run.py \"data.path='.../town'\""
    assert "/home/ann" not in (exported / "model.yaml").read_text() + (exported / "MODEL_CARD.md").read_text()


def read_config_of(folder):
    import yaml

    return yaml.safe_load((folder / "model.yaml").read_text())


@pytest.mark.slow
def test_the_card_tells_where_the_network_comes_from_and_how_good_it_is(exported):
    text = (exported / "MODEL_CARD.md").read_text()
    for line in (
        "# ResNet (depth 18, cut conv4) + GeM",
        "| training data | sf_xs |",
        "| loss | Triplet |",
        "| seed | 7 |",
        "| command | `python -m geoloc.run data.path=.../town lr_scale=2` |",
        "| start weights of the backbone | random values |",
        "| domain | R@1 | R@5 | queries | database |",
        "| old_town | 50.0 [15.0, 85.0] | 75.0 | 4 | 9 |",
        "- old_town: right within 25 m",
        "- `images`: uint8, (B, 3, 64, 64): a batch of RGB photos, values 0 to 255, channels first. Nothing is to be",
        "Compared on 5 database photos and 5 queries of mini. Tolerance: lowest cosine at least 0.999999, largest"
        " difference of a value at most 0.0001. The network itself is PyTorch in float32, eager, on a CPU."
        f" Made by torch {torch.__version__}; model.pt2 is read by that version or a later one.",
    ):
        assert line in text.splitlines() or line in text, line
    assert "augmentation" not in text  # aug=none
    assert "described_only" not in text


@pytest.mark.slow
def test_what_the_card_says_to_type_works(exported, tmp_path):
    """In a process of its own, where the files are; ONNX Runtime and torch without geoloc."""
    write_image(exported / "photo.jpg", seed=3, size=(90, 120))
    blocks = re.findall(
        r"^(\S+), with .*?:\n\n```python\n(.*?)```", (exported / "MODEL_CARD.md").read_text(), re.M | re.S
    )
    assert [name for name, _ in blocks] == ["model.onnx", "model.pt2", "model.safetensors"]
    found = []
    for name, lines in blocks:
        out = tmp_path / f"{name}.npy"
        program = f"import sys\n{lines}\nimport numpy\nnumpy.save({str(out)!r}, numpy.asarray(descriptors))\n"
        alone = name != "model.safetensors"
        program += "assert 'geoloc' not in sys.modules\n" * alone + "assert 'torch' not in sys.modules\n" * (
            name == "model.onnx"
        )
        done = subprocess.run([sys.executable, "-c", program], cwd=exported, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found.append(torch.from_numpy(np.load(out)))
    assert all(each.shape == (1, 256) for each in found)
    assert parity(found[0], found[1]).fits
    # geoloc's own resizing rounds some pixels to the next level.
    assert parity(found[2], found[0]).cosine > 0.9999


def test_without_a_domain_files_are_compared_on_invented_images(run, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        folder = work(
            tmp_path / "e", "task=export", f"checkpoint={run}", "export.formats=[weights]", "export.latency=false"
        )
    assert "no domain is named: files are compared on 16 invented images" in caplog.text
    told = results_of(folder)["export"]
    assert told["compared_on"].startswith("16 invented images (no domain was named")
    assert told["formats"]["weights"]["parity"]["top1_agreement"] == {}
    assert told["milliseconds"] == {}
    assert "## Speed" not in (folder / "MODEL_CARD.md").read_text()
    assert not (folder / "model.onnx").exists()


def test_a_format_that_fails_leaves_the_others(run, tmp_path, monkeypatch, caplog):
    def fail(self, path):
        path.write_bytes(b"half")
        path.with_name("model.onnx.data").write_bytes(b"half")
        raise RuntimeError("first line\nsecond line") from ValueError("no such operator: aten::odd\nmore")

    monkeypatch.setattr(Exporter, "_onnx", fail)
    folder = tmp_path / "e"
    with pytest.raises(CheckFailedError, match=r"^task=export: not usable: onnx; MODEL_CARD.md says why$"):
        work(folder, "task=export", f"checkpoint={run}", "export.formats=[onnx,weights]", "export.latency=false")
    assert "onnx cannot be written: ValueError: no such operator: aten::odd" in caplog.text
    assert results_of(folder)["export"]["formats"]["weights"]["parity"]["within_tolerance"]
    text = (folder / "MODEL_CARD.md").read_text()
    assert "- **onnx: cannot be written (ValueError: no such operator: aten::odd)**" in text
    assert "onnxruntime" not in text
    assert not list(folder.glob("model.onnx*"))


def test_a_file_beyond_the_tolerance_is_kept_and_marked(run, tmp_path, monkeypatch, caplog):
    class Off(DescriptorNet):
        """Its weights are read, and its descriptors are turned a little."""

        def describe(self, pixels):
            return torch.nn.functional.normalize(super().describe(pixels) + 0.01)

    monkeypatch.setattr("geoloc.export.formats.DescriptorNet", Off)
    folder = tmp_path / "e"
    with pytest.raises(CheckFailedError, match="not usable: weights"):
        work(folder, "task=export", f"checkpoint={run}", "export.formats=[weights]", "export.latency=false")
    assert (folder / "model.beyond_tolerance.safetensors").is_file()
    assert not (folder / "model.safetensors").exists()
    assert "weights gives other descriptors than the network: lowest cosine 0.9" in caplog.text
    text = (folder / "MODEL_CARD.md").read_text()
    assert "- **model.beyond_tolerance.safetensors is BEYOND THE TOLERANCE: do not use it**" in text
    assert "```python" not in text


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        (["multiscale=down"], "multiscale: is not exported; a graph describes images at one scale"),
        (["optimizer=sgd"], "optimizer: has no effect on task=export, which writes a network"),
        (["index=faiss_flat"], "index: has no effect on task=export"),
        (["views=five_crops"], "views: has no effect on task=export"),
        (["export=null"], "export: must be there"),
        (["export.formats=[]"], "export.formats: list should have at least 1 item"),
        (["export.formats=[onnx,onnx]"], "export.formats: onnx is there twice"),
        (["export.formats=[tflite]"], "export.formats.0: input should be 'onnx', 'torch' or 'weights', not 'tflite'"),
        (["export.batch=1"], "export.batch: input should be greater than or equal to 2"),
        (["test_folders=[nowhere]"], "nowhere"),
        (["image_size=[16,16]"], "image_size: [height, width] in pixels, each at least 32"),
        (
            ["export.latency=false", "export.batch=4"],
            "export.batch: has no effect on export.latency=false, which times nothing",
        ),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(typed, line, run, tmp_path):
    with pytest.raises(InputError) as refused:
        work(tmp_path / "e", "task=export", f"checkpoint={run}", *typed)
    assert line in str(refused.value)
    assert not list((tmp_path / "e").glob("model.*"))


def test_an_exported_file_is_no_checkpoint(tmp_path):
    (tmp_path / "model.onnx").touch()
    with pytest.raises(InputError, match=r"model\.onnx: is for other programs; give the folder"):
        work(tmp_path / "e", "task=export", f"checkpoint={tmp_path}/model.onnx", "export.latency=false")


def test_a_network_has_to_be_named(tmp_path):
    with pytest.raises(
        InputError,
        match="checkpoint: must be given: checkpoint=PATH of the network that task=export writes, or hub=NAME",
    ):
        work(tmp_path / "e", "task=export")


def test_packages_that_are_missing_are_named_with_what_brings_them(monkeypatch):
    monkeypatch.setattr("geoloc.checks.of_export.find_spec", lambda name: None if name == "onnxscript" else object())
    content = {
        "task": "export",
        "checkpoint": "x",
        "hub": {},
        "multiscale": {},
        "export": {"formats": ["onnx", "torch"], "latency": True, "batch": 8},
    }
    assert of_export(content) == [
        "export.formats: onnx needs onnxscript: pip install -e '.[export]'; or leave it out:"
        ' "export.formats=[torch,weights]"'
    ]
    assert of_export({**content, "export": {**content["export"], "formats": ["torch"]}}) == []


def test_the_key_belongs_to_this_task(tmp_path):
    done = geoloc(tmp_path, "export.photos=5")
    assert (done.returncode, done.stderr) == (2, "error: export: has an effect on task=export alone\n")


def test_results_of_other_weights_are_not_those_of_the_network(run, tmp_path):
    assert list(source_of(run, "another digest").domains) == []
    assert "of other weights" in source_of(run, "another digest").missing
    assert list(source_of(run / "model.safetensors", DescriptorNet.load(run).digest()).domains) == ["old_town"]
    assert list(source_of(run / "checkpoints" / "best.ckpt", DescriptorNet.load(run).digest()).domains) == ["old_town"]
    assert "tells nothing of the run" in source_of(tmp_path / "lonely.pth", "x").missing
    assert read_config(run)["seed"] == "7"


def test_a_calibration_goes_along_and_no_folder_of_the_first_weights(run, tmp_path):
    own = tmp_path / "calibrated"
    net = DescriptorNet.load(run)
    net.calibration = {"weights": [1.0, 2.0]}
    net.spec["backbone"]["weights"] = "/home/ann/first.pth"
    own.mkdir()
    net.save(own)
    typed = ("export.formats=[weights]", "export.latency=false")
    folder = work(tmp_path / "e", "task=export", f"checkpoint={own}", *typed)
    found = DescriptorNet.load(folder)
    assert found.calibration == {"weights": [1.0, 2.0]}
    assert found.spec["backbone"]["weights"] == ".../first.pth"
    assert found.digest() == net.digest()


@pytest.mark.slow
def test_a_released_network_of_others_is_exported(tmp_path):
    clone = write_repository(tmp_path / "clone")
    typed = (
        "hub=custom",
        "hub.repository=me/tiny",
        "hub.dim=8",
        "hub.entry=own",
        "hub.mean=[0,0,0]",
        "hub.std=[1,1,1]",
    )
    more = (f"hub.source={clone}", "+hub.licence.code=GPL-3.0", "image_size=[64,64]", "export.latency=false")
    folder = work(tmp_path / "e", "task=export", *typed, *more)
    formats = results_of(folder)["export"]["formats"]
    assert [facts["parity"]["within_tolerance"] for facts in formats.values()] == [True] * 3
    # ONNX has no pooling to 4x4 cells of whatever size.
    assert formats["torch"]["sizes"] == "any height and width"
    assert formats["onnx"]["sizes"] == "64x64 (height x width) alone"
    text = (folder / "MODEL_CARD.md").read_text()
    assert "| start weights of the backbone | those released at github.com/me/tiny (code: GPL-3.0) |" in text
    assert "| weights come from | released: own of me/tiny |" in text


@pytest.mark.slow
def test_nothing_of_the_exporters_reaches_the_console(run, mini_city, tmp_path):
    done = geoloc(tmp_path, "task=export", f"checkpoint={run}", f"test_folders=[{mini_city}]", "export.batch=2")
    assert done.returncode == 0
    for noise in ("Warning", "warning", "torch.onnx", "W1", "[", "onnxscript", "Traceback"):
        lines = [line for line in done.stderr.splitlines() if "python -m" not in line and "image" not in line]
        assert not any(noise in line for line in lines), (noise, done.stderr)
    assert "model.onnx" in done.stdout
    assert "x: times as fast as eager" in done.stdout
