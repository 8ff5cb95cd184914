"""The files, as programs use them that know nothing of geoloc."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from networks import WITH_CLS, choices, images, small

from geoloc.export.formats import Exporter
from geoloc.export.graph import fixed_graph
from geoloc.export.onnx_file import run_onnx, write_onnx
from geoloc.export.parity import parity
from geoloc.net import DescriptorNet

pytest.importorskip("onnxruntime")
import onnx

# The program may use nothing of this: not even torch for ONNX.
ONNX = """
import sys, numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1] + "/model.onnx")
for name in ("one", "three", "larger"):
    images = np.load(f"{sys.argv[1]}/{name}.npy")
    np.save(f"{sys.argv[1]}/{name}.out.npy", session.run(None, {"images": images})[0])
print(*sorted(each for each in ("geoloc", "torch", "timm") if each in sys.modules))
"""
TORCH = """
import sys, numpy as np, torch
module = torch.export.load(sys.argv[1] + "/model.pt2").module()
for name in ("one", "three", "larger"):
    images = torch.from_numpy(np.load(f"{sys.argv[1]}/{name}.npy"))
    np.save(f"{sys.argv[1]}/{name}.out.npy", module(images).numpy())
print(*sorted(each for each in ("geoloc", "timm") if each in sys.modules))
"""
SHAPES = {"one": (1, 3, 64, 96), "three": (3, 3, 64, 96), "larger": (2, 3, 101, 139)}


def whitened():
    """A network with whitening, as a run ends in it."""
    torch.manual_seed(0)
    net = DescriptorNet.from_spec(small("resnet18", "netvlad", aggregator__clusters=4)).eval()
    whitening = net.add_whitening({"_target_": "geoloc.heads.whitening.PCA", "dim": 8, "whiten": True})
    whitening.fit(torch.randn(40, 1024))
    return net


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    net, folder = whitened(), tmp_path_factory.mktemp("exported")
    exporter = Exporter(net, folder, {"weights": "a test"}, {"digest": net.digest()})
    written = {name: exporter.write(name) for name in ("onnx", "torch", "weights")}
    for name, shape in SHAPES.items():
        np.save(folder / f"{name}.npy", images(*shape).numpy())
    return net, folder, written


@pytest.mark.parametrize("program", [ONNX, TORCH], ids=["onnx", "torch"])
def test_a_program_without_geoloc_gets_the_same_descriptors(program, exported):
    net, folder, _ = exported
    done = subprocess.run([sys.executable, "-I", "-c", program, str(folder)], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
    for name, shape in SHAPES.items():
        found = torch.from_numpy(np.load(folder / f"{name}.out.npy"))
        assert found.dtype == torch.float32
        assert found.shape == (shape[0], 8)
        assert parity(net.describe(images(*shape)), found).fits
        (folder / f"{name}.out.npy").unlink()


def test_the_onnx_file_says_what_it_is(exported):
    net, folder, written = exported
    model = onnx.load(folder / "model.onnx")
    onnx.checker.check_model(model)
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert about == {"digest": net.digest(), "sizes": "any height and width"}
    (taken,), (given,) = model.graph.input, model.graph.output
    assert (taken.name, given.name) == ("images", "descriptors")
    sides = [side.dim_param or side.dim_value for side in taken.type.tensor_type.shape.dim]
    assert sides == ["batch", 3, "height", "width"]
    assert taken.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [side.dim_param or side.dim_value for side in given.type.tensor_type.shape.dim] == ["batch", 8]
    assert written["onnx"].step == 1
    assert not (folder / "model.onnx.data").exists()


def test_the_torch_file_says_what_it_is(exported):
    net, folder, _ = exported
    extra = {"geoloc.json": ""}
    torch.export.load(folder / "model.pt2", extra_files=extra)
    assert json.loads(extra["geoloc.json"]) == {"digest": net.digest(), "sizes": "any height and width"}


def test_no_path_of_this_machine_is_in_the_files(exported):
    _, folder, _ = exported
    for name in ("model.onnx", "model.pt2", "model.yaml"):
        assert str(torch.__path__[0]).encode() not in (folder / name).read_bytes()
        assert b"geoloc/net.py" not in (folder / name).read_bytes()


def test_the_weights_are_the_network(exported):
    net, folder, _ = exported
    again = DescriptorNet.load(folder)
    assert again.digest() == net.digest()
    assert torch.equal(again.describe(images(2, 3, 64, 96)), net.describe(images(2, 3, 64, 96)))


def test_weights_above_2_gb_lie_beside_the_onnx_file(exported, monkeypatch, tmp_path):
    net, _, _ = exported
    monkeypatch.setattr("geoloc.export.onnx_file.ONE_FILE", 1_000_000)
    made = Exporter(net, tmp_path, {}, {}).write("onnx")
    assert made.note == "the weights are in model.onnx.data, which goes with it (one file holds 2 GB)"
    beside = (tmp_path / "model.onnx.data").stat().st_size
    assert beside > 10_000_000
    assert made.size == beside + (tmp_path / "model.onnx").stat().st_size
    assert (tmp_path / "model.onnx").stat().st_size < 1_000_000
    batch = images(2, 3, 64, 96)
    assert parity(net.describe(batch), made.run(batch)).fits


def test_a_runtime_that_disagrees_at_other_sizes_gets_a_fixed_one(exported, monkeypatch, tmp_path):
    net, _, _ = exported

    def refuse(run, net, sizes):
        raise ValueError("other descriptors than the network's at 71x109 pixels")

    exporter = Exporter(net, tmp_path, {}, {})
    assert exporter._graph.step == 1
    monkeypatch.setattr("geoloc.export.formats.check_sizes", refuse)
    made = exporter.write("onnx")
    assert made.step is None
    assert made.note.startswith("as ONNX it takes this size alone (ValueError: other descriptors")
    sides = onnx.load(made.path).graph.input[0].type.tensor_type.shape.dim
    assert [side.dim_param or side.dim_value for side in sides] == ["batch", 3, 64, 96]


def chosen_pairs():
    """Every backbone and every aggregator, also of a yaml to come, and those that only go together."""
    backbones, aggregators = choices("backbone"), [name for name in choices("aggregator") if name != "cls"]
    turns = range(max(len(backbones), len(aggregators)))
    each = [(backbones[turn % len(backbones)], aggregators[turn % len(aggregators)]) for turn in turns]
    return [*each, *((backbone, "cls") for backbone in WITH_CLS), ("cct384", "seqpool")]


@pytest.mark.parametrize("pair", chosen_pairs(), ids="-".join)
def test_each_backbone_and_aggregator_can_be_exported(pair, tmp_path):
    """At its own size; a new yaml is tested without writing a test."""
    torch.manual_seed(0)
    net = DescriptorNet.from_spec(small(*pair)).eval()
    graph = fixed_graph(net, "")
    write_onnx(graph, tmp_path / "model.onnx", {})
    for batch in (images(1, 3, *net.image_size), images(3, 3, *net.image_size, seed=1)):
        own = net.describe(batch)
        assert parity(own, graph.program.module()(batch)).fits
        assert parity(own, run_onnx(tmp_path / "model.onnx", 1)(batch)).fits


# What they come to where all sizes are tried; the others are of resnet18-netvlad's kind.
STEPS = {
    ("alexnet", "gem"): 1,
    ("vgg16", "gem"): 1,
    ("efficientnet_lite0", "gem"): 1,
    ("timm", "cls"): 16,
    ("vit", "gem"): None,
    ("cct384", "gem"): None,
    ("resnet18", "crn"): 1,
    ("resnet18", "mac"): 1,
    ("resnet18", "rrm"): 1,
    ("resnet18", "seqpool"): 1,
    ("resnet18", "spoc"): 1,
    ("resnet18", "rmac"): None,
    ("resnet18", "mixvpr"): None,
}


@pytest.mark.parametrize(("pair", "step"), STEPS.items(), ids=["-".join(pair) for pair in STEPS])
def test_sizes_that_a_pair_takes(pair, step, tmp_path):
    torch.manual_seed(0)
    net = DescriptorNet.from_spec(small(*pair)).eval()
    exporter = Exporter(net, tmp_path, {}, {})
    for name in ("torch", "onnx"):
        made = exporter.write(name)
        assert made.step == step
        height, width = net.image_size
        batch = images(2, 3, *((height, width) if step is None else (height + 3 * step, width + 5 * step)))
        assert parity(net.describe(batch), made.run(batch)).fits
