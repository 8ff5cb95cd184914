"""Released networks of others, through the real torch.hub, from a repository that the test writes."""

from __future__ import annotations

import functools
import io
import logging
import sys
import threading
import types
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import URLError

import pytest
import torch
import torch.nn.functional as F
import torchvision
from networks import images
from released import HUBCONF, NET, write_repository

from geoloc.attention import check_attention
from geoloc.backbones import hub_code, hub_files
from geoloc.backbones.hub import Hub
from geoloc.errors import InputError
from geoloc.net import DescriptorNet

REF = "0123456789abcdef0123456789abcdef01234567"
SPOC = {"_target_": "geoloc.aggregators.spoc.SPoC", "l2": "none"}
WHOLE = {"mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """torch.hub's folder, of this test alone; modules of its repositories are forgotten afterwards."""
    folder = tmp_path / "hub"
    before = torch.hub._hub_dir
    torch.hub.set_dir(folder)
    monkeypatch.delenv(hub_code.VARIABLE, raising=False)
    monkeypatch.setattr(hub_code, "TRUSTED", set())
    yield folder
    torch.hub._hub_dir = before  # None: as TORCH_HOME says, which other tests set
    for name in [name for name in sys.modules if name.partition(".")[0] == "tiny_released"]:
        del sys.modules[name]


@pytest.fixture
def clone(tmp_path, cache):
    return write_repository(tmp_path / "clone")


def node(entry="own", **more):
    known = {"repository": "me/tiny", "ref": REF, "dim": 8, **(WHOLE if entry == "own" else {})}
    return {"_target_": "geoloc.backbones.hub.Hub", "entry": entry, **known, **more}


def net_of(entry="own", size=(64, 64), **more):
    spec = {"backbone": node(entry, **more), "aggregator": SPOC, "image_size": list(size)}
    return DescriptorNet.from_spec(spec).eval()


def by_hand(pixels, width=8, seed=5):
    """What the repository's network is to give of (B, 3, H, W) uint8 images."""
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = (pixels.float() / 255 - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    weight = torch.randn(width, 48, generator=torch.Generator().manual_seed(seed))
    return F.normalize(F.adaptive_avg_pool2d(x, 4).flatten(1) @ weight.T, dim=1)


@pytest.mark.parametrize(
    ("entry", "more"), [("own", {}), ("pair", {"output": 0}), ("named", {"output": "global"})], ids=lambda x: str(x)
)
def test_descriptors_are_those_of_the_network(clone, entry, more):
    net, pixels = net_of(entry, source=str(clone), **more), images(3, 3, 48, 64)
    found = net.describe(pixels)
    assert (net.out_dim, found.shape, found.dtype) == (8, (3, 8), torch.float32)
    torch.testing.assert_close(found, by_hand(pixels), atol=2e-6, rtol=0)
    features = net.features(pixels)
    assert (features.map.shape, features.cls) == ((3, 8, 1, 1), None)
    raw = net.backbone.body((pixels.float() - net.mean) / net.std)
    raw = raw if isinstance(raw, torch.Tensor) else raw[more["output"]]
    assert torch.equal(features.map[:, :, 0, 0], raw)


def test_arguments_reach_the_entry(clone):
    assert net_of(source=str(clone), arguments={"width": 5}, dim=5).describe(images(2, 3, 64, 64)).shape == (2, 5)


@pytest.mark.parametrize(
    ("entry", "more", "line"),
    [
        (
            "smallest",
            {},
            "there is no such entry; there are small, pair, named, own, broken, no_network, needs_more, refu",
        ),
        ("no_network", {}, "gives an object of dict, and no network"),
        ("needs_more", {}, "needs the Python package surely_not_installed; pip install surely_not_installed"),
        ("refuses", {"arguments": {"width": 9}}, "refuses of {clone}: width must be 8, not 9"),
        ("own", {"arguments": {"depth": 9}}, "unexpected keyword argument 'depth'"),
        ("own", {"repository": "tiny"}, "hub.repository: must be owner/name of a repository on GitHub, not 'tiny'"),
        ("own", {"repository": "../x/y"}, "hub.repository: must be owner/name"),
        ("own", {"ref": "../other"}, "hub.ref: must be a commit, a tag or a branch, not '../other'"),
        ("own", {"source": "nowhere"}, "hub: nowhere: no hubconf.py there; a clone of me/tiny has one"),
    ],
)
def test_what_cannot_be_had_is_one_line(clone, entry, more, line):
    with pytest.raises(InputError) as caught:
        net_of(entry, **{"source": str(clone), **more})
    assert line.format(clone=clone) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "more", "line"),
    [
        ("pair", {}, "gives a tuple of 2, and no tensor; hub.output says which part is the descriptor"),
        ("named", {}, "gives a dict of global, local, and no tensor; hub.output says"),
        ("named", {"output": "globl"}, "gives a dict of global, local, without a part 'globl'"),
        ("pair", {"output": 2}, "gives a tuple of 2, without a part 2"),
        ("pair", {"output": 1}, "gives (2, 2) for 2 images, where (2, 8) is expected"),
        ("own", {"dim": 9}, "gives (2, 8) for 2 images, where (2, 9) is expected"),
    ],
)
def test_outputs_that_are_no_descriptors_are_refused(clone, entry, more, line):
    with pytest.raises(InputError) as caught:
        net_of(entry, source=str(clone), **more).describe(images(2, 3, 64, 64))
    assert line in str(caught.value)


def test_packages_that_hubconf_names_are_asked_for(tmp_path, cache):
    folder = write_repository(tmp_path / "more", HUBCONF.replace('["torch"]', '["torch", "no_such_a", "no_such_b"]'))
    with pytest.raises(InputError, match=r"that are not installed; pip install no_such_a no_such_b$"):
        net_of(source=str(folder))


def test_images_of_other_sizes_are_refused_with_the_nearest(clone):
    with pytest.raises(InputError, match=r"takes multiples of 14 pixels, not \[64,64\]; the nearest is \[70,70\]"):
        net_of(source=str(clone), multiple=14)
    assert net_of(source=str(clone), multiple=14, size=(70, 98)).image_size == (70, 98)


def test_attention_is_refused(clone):
    with pytest.raises(InputError, match="gives its descriptor, and no map; use attention=0"):
        check_attention(net_of(source=str(clone)))


@pytest.fixture
def server(tmp_path):
    """A folder that is served on this machine, and its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(SimpleHTTPRequestHandler, directory=folder)
    handler.log_message = lambda *args: None
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def weights(seed=6, width=8):
    return {"weight": torch.randn(width, 48, generator=torch.Generator().manual_seed(seed))}


def test_a_repository_and_its_weights_are_downloaded_once(server, cache, monkeypatch, caplog, tmp_path):
    """Through torch.hub's own download, from a server that stands for GitHub."""
    folder, address = server
    text = HUBCONF.replace("https://example.invalid", address)
    with zipfile.ZipFile(folder / "code.zip", "w") as packed:
        source = write_repository(tmp_path / "remote", text)
        packed.mkdir("me-tiny-0123456")
        for path in sorted(source.rglob("*.py")):
            packed.write(path, f"me-tiny-0123456/{path.relative_to(source).as_posix()}")
    torch.save(weights(), folder / "small.pth")
    monkeypatch.setattr(torch.hub, "_git_archive_link", lambda *names: f"{address}/code.zip")
    monkeypatch.setattr(
        hub_code,
        "size_of",
        lambda where: hub_files.size(where.replace("https://github.com/me/tiny", f"{address}/code.zip")),
    )
    (cache / "they_others_main").mkdir(parents=True)
    asked = {
        "files": [f"{address}/small.pth"],
        "also": ["they/others"],
        "licence": {"code": "GPL-3.0", "weights": "MIT"},
    }
    with caplog.at_level(logging.INFO, logger="geoloc"):
        net = net_of("small", **asked)
    pixels = images(2, 3, 64, 64)
    torch.testing.assert_close(net.describe(pixels), by_hand(pixels, seed=6), atol=2e-6, rtol=0)
    said = [record.getMessage() for record in caplog.records if record.name.startswith("geoloc")]
    size = (folder / "small.pth").stat().st_size / 1e6
    assert said[0] == (
        "hub: code of others is run on this machine as it is: me/tiny at 0123456789ab, and of they/others, which it"
        " loads; licence of code: GPL-3.0; weights: MIT"
    )
    assert said[1] == "hub: mind the terms before you pass this network on or sell it: code: GPL-3.0"
    assert said[2].startswith("hub: downloading https://github.com/me/tiny (0.0 MB) to ")
    assert said[3] == f"hub: downloading {address}/small.pth ({size:.1f} MB) to {cache}"
    assert (cache / f"me_tiny_{REF}" / "hubconf.py").is_file()
    assert set((cache / "trusted_list").read_text().split()) == {"they_others", "me_tiny"}
    for path in folder.iterdir():
        path.unlink()
    monkeypatch.setattr(hub_files, "urlopen", None)
    again = net_of("small", **asked)  # nothing is asked of the network any more
    assert again.digest() == net.digest()


def test_without_a_network_it_says_what_to_do(clone, cache, monkeypatch, server):
    def nobody(request, timeout):
        assert timeout <= 10
        raise URLError("Name or service not known")

    monkeypatch.setattr(hub_files, "urlopen", nobody)
    with pytest.raises(InputError) as caught:
        net_of("small")
    assert str(caught.value) == (
        "hub: https://github.com/me/tiny is not on this machine and cannot be downloaded (Name or service not known);"
        f" give hub.source=PATH of a clone of me/tiny, or put it at {cache}/me_tiny_{REF}"
    )
    with pytest.raises(InputError) as caught:
        net_of("small", source=str(clone), files=["https://example.invalid/small.pth"])
    assert str(caught.value) == (
        "hub: https://example.invalid/small.pth is not on this machine and cannot be downloaded (Name or service not"
        f" known); put the file into {cache}/checkpoints as small.pth"
    )
    monkeypatch.undo()
    torch.hub.set_dir(cache)
    gone = f"{server[1]}/gone.pth"
    with pytest.raises(InputError, match=r"gone.pth is not on this machine and cannot be downloaded \(HTTP 404\); put"):
        net_of("small", source=str(clone), files=[gone])


def test_code_that_is_loaded_besides_must_be_there(clone, cache, monkeypatch):
    def nobody(request, timeout):
        raise URLError("no route")

    monkeypatch.setattr(hub_files, "urlopen", nobody)
    with pytest.raises(InputError) as caught:
        net_of("own", source=str(clone), also=["they/others"])
    assert str(caught.value) == (
        "hub: https://github.com/they/others is not on this machine and cannot be downloaded (no route); put a clone of"
        f" it at {cache}/they_others_main"
    )
    spec = {
        "backbone": node("own", source=str(clone), also=["they/others"]),
        "aggregator": SPOC,
        "image_size": [64, 64],
    }
    hub_code.trust(clone)
    with pytest.raises(InputError, match=f"runs code of they/others, too, .* put a clone at {cache}/they_others_main"):
        DescriptorNet.from_spec(spec, load=False)
    (cache / "they_others_main").mkdir(parents=True)
    assert DescriptorNet.from_spec(spec, load=False).out_dim == 8
    assert net_of("own", source=str(clone), also=["they/others"]).out_dim == 8


def test_the_cache_of_hugging_face_counts(cache, tmp_path, monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    address = "https://huggingface.co/owner/name/resolve/main/model.safetensors"
    monkeypatch.setattr(
        hub, "try_to_load_from_cache", lambda *where, revision: str(tmp_path / "/".join([*where, revision]))
    )
    assert hub_files.cached(address) == tmp_path / "owner/name/model.safetensors/main"
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *where, revision: None)
    assert hub_files.cached(address) is None


@pytest.fixture
def saved(clone, cache, tmp_path):
    """A released network that was saved, its weights beside torch.hub's other files."""
    (cache / "checkpoints").mkdir(parents=True)
    torch.save(weights(), cache / "checkpoints" / "small.pth")
    net = net_of("small", source=str(clone))
    (tmp_path / "run").mkdir()
    net.save(tmp_path / "run")
    (cache / "checkpoints" / "small.pth").unlink()
    return net, tmp_path / "run"


def test_a_saved_network_is_loaded_without_its_first_weights(saved, clone):
    """In the same process, whose user has chosen the folder; the file of weights is gone."""
    net, run = saved
    again, pixels = DescriptorNet.load(run), images(2, 3, 64, 64)
    assert torch.equal(again.describe(pixels), net.describe(pixels))
    assert again.digest() == net.digest()
    assert again.spec == net.spec
    assert again.spec["backbone"]["source"] == str(clone)


STARTED = """
dependencies = ["torch", "torchvision"]
from tiny_released.net import started
"""
STARTED_NET = f"""{NET}

import torchvision
from torch.hub import load_state_dict_from_url


def started():
    torchvision.models.squeezenet1_1(weights="DEFAULT")  # as CosPlace and BoQ do, and replace these weights afterwards
    net = Tiny(8)
    net.load_state_dict(load_state_dict_from_url("https://example.invalid/small.pth"))
    return net
"""


def test_weights_that_torchvision_would_download_are_not_wanted_either(tmp_path, cache, monkeypatch):
    """And what modules import by name reads weights again afterwards."""
    kept = cache / "checkpoints"
    kept.mkdir(parents=True)
    torch.save(weights(), kept / "small.pth")
    first = torchvision.models.SqueezeNet1_1_Weights.DEFAULT.url.rpartition("/")[2]
    torch.save(torchvision.models.squeezenet1_1().state_dict(), kept / first)
    clone = write_repository(tmp_path / "started", STARTED, STARTED_NET)
    net = net_of("started", source=str(clone))
    (tmp_path / "run").mkdir()
    net.save(tmp_path / "run")
    for path in kept.iterdir():
        path.rename(tmp_path / path.name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "tiny_released"]:
        del sys.modules[name]  # as in another process
    pixels = images(2, 3, 64, 64)
    with monkeypatch.context() as patched:
        patched.setattr(torch.hub, "urlopen", None)
        assert torch.equal(DescriptorNet.load(tmp_path / "run").describe(pixels), net.describe(pixels))
    for name in (first, "small.pth"):
        (tmp_path / name).rename(kept / name)
    assert torch.equal(net_of("started", source=str(clone)).describe(pixels), net.describe(pixels))


def test_a_run_of_a_stranger_runs_no_code(saved, clone, cache, monkeypatch, tmp_path):
    net, run = saved
    monkeypatch.setattr(hub_code, "TRUSTED", set())  # as in another process
    monkeypatch.setattr(torch.hub, "load", None)
    with pytest.raises(InputError) as caught:
        DescriptorNet.load(run)
    assert str(caught.value) == (
        f"hub: this network runs code of me/tiny, which lay in {clone}; to run it, set GEOLOC_HUB_SOURCE to the folder"
        " of its clone"
    )
    text = (run / "model.yaml").read_text()
    (run / "model.yaml").write_text(text.replace(f"source: {clone}", "source: null"))
    with pytest.raises(
        InputError, match=f"which is not on this machine; put a clone at {cache}/me_tiny_{REF}, or set GEO"
    ):
        DescriptorNet.load(run)
    monkeypatch.undo()
    torch.hub.set_dir(cache)
    other = write_repository(cache / f"me_tiny_{REF}")  # where torch.hub puts it
    pixels = images(2, 3, 64, 64)
    assert torch.equal(DescriptorNet.load(run).describe(pixels), net.describe(pixels))
    (run / "model.yaml").write_text(text)
    monkeypatch.setattr(hub_code, "TRUSTED", set())
    monkeypatch.setenv(hub_code.VARIABLE, str(other))
    assert DescriptorNet.load(run).digest() == net.digest()


def test_changed_code_is_told_and_is_another_network(saved, clone, caplog):
    net, run = saved
    (clone / "tiny_released" / "net.py").write_text(NET.replace("adaptive_avg_pool2d", "adaptive_max_pool2d"))
    with caplog.at_level(logging.WARNING, logger="geoloc"):
        again = DescriptorNet.load(run)
    assert "its code has changed since this network was saved" in caplog.text
    assert again.digest() != net.digest()


def test_terms_and_places_are_no_part_of_the_digest(clone, tmp_path):
    (clone / "tools.py").mkdir()  # which are no files
    (clone / "gone.py").symlink_to(clone / "nowhere.py")
    one = net_of(source=str(clone), licence={"code": "MIT"})
    two = net_of(source=str(write_repository(tmp_path / "elsewhere")), licence={"code": "BSD"})
    assert one.digest() == two.digest()
    assert one.digest() != net_of(source=str(clone), arguments={"width": 8}).digest()


def test_repositories_with_modules_of_one_name_do_not_meet(tmp_path, cache):
    """And a module of that name that the process has imported itself stays what it was."""
    pixels = images(2, 3, 64, 64)
    first = net_of(source=str(write_repository(tmp_path / "a")))
    second = net_of(source=str(write_repository(tmp_path / "b", net=NET.replace("manual_seed(5)", "manual_seed(9)"))))
    torch.testing.assert_close(first.describe(pixels), by_hand(pixels), atol=2e-6, rtol=0)
    torch.testing.assert_close(second.describe(pixels), by_hand(pixels, seed=9), atol=2e-6, rtol=0)
    for name in [name for name in sys.modules if name.partition(".")[0] == "tiny_released"]:
        del sys.modules[name]
    mine = types.ModuleType("tiny_released")
    sys.modules["tiny_released"] = mine
    paths = list(sys.path)
    third = net_of(source=str(tmp_path / "a"))
    assert sys.modules["tiny_released"] is mine
    assert "tiny_released.net" not in sys.modules
    assert sys.path == paths
    assert torch.equal(third.describe(pixels), first.describe(pixels))


def test_what_it_prints_does_not_reach_the_console(clone, cache, capsys, caplog):
    (cache / "checkpoints").mkdir(parents=True)
    torch.save(weights(), cache / "checkpoints" / "small.pth")
    with caplog.at_level(logging.DEBUG, logger="geoloc"):
        net_of("small", source=str(clone))
    assert capsys.readouterr().out == ""
    assert "hub: it says: here is a small network" in caplog.text


def test_code_of_yet_another_repository_is_not_run_unasked(tmp_path, cache, monkeypatch):
    text = HUBCONF + "\n\ndef nested():\n    return torch.hub.load('they/unknown:abc', 'entry')\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(InputError, match=r"loads code of another repository, and torch\.hub asks whether it may"):
        net_of("nested", source=str(write_repository(tmp_path / "nested", text)))


def test_it_can_be_trained(clone):
    net = net_of(source=str(clone)).train()
    net.projected(net.aggregator(net.features(images(2, 3, 64, 64)))).sum().backward()
    assert net.backbone.body.weight.grad.abs().max() > 0
    assert isinstance(net.backbone, Hub)
