"""scripts/describe_ray.py on this machine with two actors; some seconds a call go by before Ray has started."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from in_process import work
from mini import write_mini_city

from geoloc.cluster import Plan, described_rows, started
from geoloc.data.images import read_image, resize, to_tensor
from geoloc.errors import InputError
from geoloc.net import DescriptorNet

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "describe_ray.py"
NET = {
    "backbone": {"_target_": "geoloc.backbones.resnet.ResNet", "depth": 18, "weights": "none"},
    "aggregator": {"_target_": "geoloc.aggregators.gem.GeM"},
    "image_size": [64, 64],
}


def call(*arguments):
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    return write_mini_city(tmp_path_factory.mktemp("ray") / "city", places=10)


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    folder = tmp_path_factory.mktemp("net")
    torch.manual_seed(0)
    DescriptorNet.from_spec(NET).save(folder)
    return folder


def own_descriptors(net, paths):
    """One image at a time, by the network itself."""
    network = DescriptorNet.load(net)
    images = [resize(to_tensor(read_image(path)), (64, 64)) for path in paths]
    return np.concatenate([network.describe(image[None]).numpy() for image in images])


@pytest.mark.slow
def test_two_actors_describe_as_the_network_does_and_a_killed_call_goes_on(net, city, tmp_path):
    pytest.importorskip("ray")
    pq = pytest.importorskip("pyarrow.parquet")
    out, typed = tmp_path / "out", ("--actors", 2, "--batch", 4, "--rows-per-file", 8, "--dtype", "float32")
    done = call(net, city, out, *typed, "--extraction", "exact")
    assert done.returncode == 0, done.stderr
    assert "30 descriptors, 0 of them from an earlier call" in done.stdout
    files = sorted((out / "parquet").glob("*.parquet"))
    tables = {file: pq.read_table(file).to_pydict() for file in files}
    assert len(files) > 1
    assert all(len(table["row"]) >= 8 for table in list(tables.values())[:-1])
    rows = [row for table in tables.values() for row in table["row"]]
    assert sorted(rows) == list(range(30))
    paths = [path for side in ("database", "queries") for path in sorted((city / "images/test" / side).glob("*.jpg"))]
    own = own_descriptors(net, paths)
    for table in tables.values():
        assert table["name"] == [str(paths[row].resolve()) for row in table["row"]]
        assert np.array(table["descriptor"]) == pytest.approx(own[table["row"]], abs=1e-5)

    # As a kill leaves it: one file is missing, and the end of another.
    lost = tables[files[0]]["row"] + tables[files[1]]["row"]
    files[0].unlink()
    files[1].write_bytes(files[1].read_bytes()[:-100])
    kept = files[-1].stat().st_mtime_ns
    done = call(net, city, out, *typed, "--extraction", "exact", "--gather")
    assert done.returncode == 0, done.stderr
    assert f"30 descriptors, {30 - len(lost)} of them from an earlier call" in done.stdout
    assert files[-1].stat().st_mtime_ns == kept
    assert np.load(out / "descriptors" / "city.npy") == pytest.approx(own, abs=1e-5)

    run = work(tmp_path / "found", "task=search", f"run={out}", "recall_values=[1,5]")
    recalls = json.loads((run / "results.json").read_text())["domains"]["city"]["recalls"]
    truth = np.linalg.norm(own[20:, None] - own[None, :20], axis=2).argmin(axis=1) // 2
    assert recalls["1"] == pytest.approx(100 * np.mean(truth == np.arange(10)))


@pytest.mark.slow
def test_an_image_that_cannot_be_read_is_told_in_one_line(net, city, tmp_path):
    pytest.importorskip("ray")
    broken = shutil.copytree(city, tmp_path / "city")
    path = sorted((broken / "images/test/queries").glob("*.jpg"))[3]
    path.write_bytes(b"no image")
    done = call(net, broken, tmp_path / "out", "--actors", 2)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith(str(path))]
    assert line.endswith("cannot be read as an image (not an image, or a damaged one); replace or remove it")


def test_a_photo_that_was_written_anew_is_not_mixed_with_the_others(tmp_path):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    photos = [tmp_path / name for name in ("a.jpg", "b.jpg")]
    for photo in photos:
        photo.write_bytes(b"1")
    file = tmp_path / "0.parquet"
    pq.write_table(pa.table({"row": [4, 2], "name": [str(photo) for photo in photos]}), file)
    assert described_rows(tmp_path).tolist() == [2, 4]
    photos[1].write_bytes(b"2")
    os.utime(photos[1], ns=(0, file.stat().st_mtime_ns + 1))
    with pytest.raises(InputError, match=r"b\.jpg: was written anew after it was described into .*name another OUT"):
        described_rows(tmp_path)


def test_what_cannot_work_is_refused_before_ray_starts(net, city, tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import describe_ray

    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "describe.json").write_text('{"model": "another"}')
    torch.save(DescriptorNet.load(net).state_dict(), tmp_path / "plain.pth")
    for arguments, message in (
        ((tmp_path, city, tmp_path / "a"), f"checkpoint={tmp_path}: a folder without checkpoints/best.ckpt"),
        ((tmp_path / "plain.pth", city, tmp_path / "a"), f"{tmp_path}/plain.pth: does not say what network it is of"),
        ((net, tmp_path, tmp_path / "a"), "no such folder (expected"),
        ((net, tmp_path / "no.parquet", tmp_path / "a"), f"{tmp_path}/no.parquet: no such file"),
        ((net, city, tmp_path / "out"), "holds descriptors of another model (another, not "),
        ((net, tmp_path / "no.parquet", tmp_path / "a", "--gather"), "--gather: a column of paths says nothing"),
        ((net, tmp_path / "no.parquet", tmp_path / "a", "--split", "val"), "--split: has no effect on "),
        ((net, tmp_path / "no.csv", tmp_path / "a", "--queries", "night"), "--queries: has no effect on "),
        ((net, city, tmp_path / "a", "--actors", "0"), "--actors, --batch and --rows-per-file must be at least 1"),
    ):
        monkeypatch.setattr(sys, "argv", ["describe_ray.py", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            describe_ray.main()
        assert message in f"{stopped.value}{capsys.readouterr().err}"
    assert not (tmp_path / "a").exists()


def test_without_ray_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"needs Ray; pip install 'geoloc\[scale\]'"):
        started(Plan())
