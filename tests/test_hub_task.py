"""`hub=` on the command line: released networks in the tasks, and what they do not go with."""

from __future__ import annotations

import csv
import sys

import pytest
import torch
import torchvision
import yaml
from command_line import geoloc, results_of
from in_process import job_of, work
from mini import write_mini_city
from networks import small
from released import mixvpr_state, write_repository

from geoloc.backbones import hub_code
from geoloc.errors import InputError
from geoloc.folders import conf_folder
from geoloc.net import DescriptorNet

COMMON = ["image_size=[64,64]", "trainer=cpu", "num_workers=0", "recall_values=[1,5]"]
CUSTOM = ["hub=custom", "hub.repository=me/tiny", "hub.dim=8", "+hub.licence.code=GPL-3.0"]
WHOLE = ["hub.entry=own", "hub.mean=[0,0,0]", "hub.std=[1,1,1]"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A clone, a city, and torch.hub's folder for the time of these tests."""
    root = tmp_path_factory.mktemp("hub_task")
    before = torch.hub._hub_dir
    torch.hub.set_dir(root / "hub")
    write_repository(root / "clone")
    write_mini_city(root / "mini")
    yield root
    torch.hub._hub_dir = before  # None: as TORCH_HOME says, which other tests set
    for name in [name for name in sys.modules if name.partition(".")[0] == "tiny_released"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def tested(place):
    typed = [*CUSTOM, *WHOLE, f"hub.source={place}/clone", f"test_folders=[{place}/mini]", *COMMON]
    return work(place / "tested", "task=test", *typed, "keep_descriptors=true")


def test_a_released_network_is_judged_as_it_is(place, tested, caplog):
    facts = results_of(tested)
    assert facts["domains"]["mini"]["recalls"] == {"1": 100.0, "5": 100.0}
    model = facts["model"]
    assert (model["weights"], model["descriptor_dim"]) == ("released: own of me/tiny", 8)
    assert model["backbone"]["licence"] == {"code": "GPL-3.0"}
    assert not any("UNTRAINED" in line for line in facts["warnings"])


def test_its_descriptors_are_searched_again(place, tested):
    again = results_of(work(place / "searched", "task=search", f"run={tested}", "postprocess=[geo_dbscan]"))
    assert again["domains"]["mini"]["raw_recalls"] == {"1": 100.0, "5": 100.0}


def test_it_locates_photos(place, tested, tmp_path, caplog):
    side = f"{place}/mini/images/test"
    typed = [*CUSTOM, *WHOLE, f"hub.source={place}/clone", *COMMON[:3], f"queries={side}/queries"]
    run = work(tmp_path / "first", "task=localize", *typed, f"database={side}/database")
    facts = results_of(run)
    assert facts["model"]["weights"] == "released: own of me/tiny"
    assert facts["model"]["digest"] == results_of(tested)["model"]["digest"]
    rows = list(csv.DictReader((run / "answers.csv").open(encoding="utf-8")))
    assert len(rows) == 6
    assert all(float(row["error_m"]) < 25 for row in rows)
    assert "task=test hub=... calibrate=true" in caplog.text
    assert "UNTRAINED" not in caplog.text
    again = work(tmp_path / "again", "task=localize", *typed, f"database={run}/index")
    assert (again / "answers.csv").read_text() == (run / "answers.csv").read_text()
    assert job_of(tmp_path / "demo", "task=demo", "hub=cosplace", f"database={side}/database")


def test_it_is_described_and_trained_on(place, tested):
    source = f"hub.source={place}/clone"
    described = work(
        place / "described", "task=describe", *CUSTOM, *WHOLE, source, f"test_folders=[{place}/mini]", *COMMON
    )
    assert results_of(described)["model"]["digest"] == results_of(tested)["model"]["digest"]
    typed = [
        *CUSTOM,
        *WHOLE,
        source,
        "data=folder",
        f"data.path={place}/mini",
        *COMMON,
        "lr.adam=0.01",
        "loss.margin=2",
    ]
    quick = ["miner.queries_per_epoch=4", "miner.negatives=2", "trainer.max_epochs=1"]
    run = work(
        place / "trained", *typed, *quick, "trainer.check_val_every_n_epoch=1", "trainer.enable_progress_bar=false"
    )
    model = results_of(run)["model"]
    assert model["weights"].endswith("started from released: own of me/tiny")
    assert model["trainable_parameters"] == 8 * 48
    assert model["digest"] != results_of(tested)["model"]["digest"]
    again = work(place / "again", "task=test", f"checkpoint={run}", f"test_folders=[{place}/mini]", *COMMON[1:])
    assert results_of(again)["model"]["digest"] == model["digest"] == DescriptorNet.load(run).digest()


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        (["hub=cosplace", "backbone=vgg16"], "backbone: has no effect beside hub=, which brings the whole network"),
        (["hub=cosplace", "aggregator=gem"], "aggregator: has no effect beside hub="),
        (["hub=cosplace", "head=fc"], "head: has no effect beside hub="),
        (["hub=cosplace", "pretrained=none"], "pretrained: has no effect beside hub="),
        (["hub=cosplace", "backbone.dim=7"], "backbone.dim: has no effect beside hub="),
        (
            ["hub=megaloc", "image_size=[480,640]"],
            "takes multiples of 14 pixels, not [480,640]; the nearest is [476,644]",
        ),
        (["hub=custom"], "hub.repository: must be given"),
        (
            ["hub=eigenplaces", "hub.backbone=ResNet152"],
            "hub.backbone: must be one of VGG16, ResNet18, ResNet50, ResNet101, not 'ResNet152'",
        ),
        (["hub=boq", "checkpoint=pyproject.toml"], "hub: has no effect beside checkpoint=pyproject.toml"),
        (["hub=mixvpr"], "hub.weights: must be given, such as hub.weights=PATH of a file of the authors'"),
        (["hub=mixvpr", "hub.weights=a.ckpt"], "checkpoint=a.ckpt: no such file"),
        (["hub=mixvpr", "hub.weights=a.ckpt", "aggregator=gem"], "aggregator: has no effect beside hub="),
        (["hub=mixvpr", "hub.weights=a.ckpt", "backbone=vgg16"], "backbone: has no effect beside hub="),
        (["hub=mixvpr", "hub.weights=a.ckpt", "pretrained=none"], "pretrained: has no effect beside hub="),
        (["hub=mixvpr", "hub.weights=a.ckpt", "checkpoint=null"], "checkpoint: must not be null beside hub="),
        (["hub=mixvpr", "hub.weights=a.ckpt", "checkpoint=pyproject.toml"], "hub: has no effect beside checkpoint="),
    ],
)
def test_what_goes_with_no_released_network_is_refused(tmp_path, typed, line):
    with pytest.raises(InputError) as caught:
        job_of(tmp_path, "task=test", *typed)
    assert line in str(caught.value)


def test_weights_of_torchvision_that_others_begin_with_are_named(tmp_path):
    """The code of CosPlace asks for torchvision's default, and overwrites it with its own weights."""
    for hub in ("cosplace", "eigenplaces"):
        known = yaml.safe_load((conf_folder() / "hub" / f"{hub}.yaml").read_text(encoding="utf-8"))["hub"]["imagenet"]
        for backbone, name in known.items():
            address = getattr(torchvision.models, f"{backbone}_Weights").DEFAULT.url
            assert address == f"https://download.pytorch.org/models/{name}.pth"
    files = job_of(tmp_path, "task=test", "hub=eigenplaces", "hub.backbone=ResNet18", "hub.fc_output_dim=256").cfg[
        "backbone"
    ]["files"]
    assert [name.rpartition("/")[2] for name in files] == [
        "resnet18-f37072fd.pth",
        "ResNet18_512_cosplace.pth",
        "ResNet18_256_eigenplaces.pth",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("dim", "channels", "rows"), [(4096, 1024, 4), (128, 64, 2)])
def test_mixvpr_by_a_file_of_its_authors(place, tmp_path, dim, channels, rows, caplog):
    """Of 320 x 320 pixels, which are 20 x 20 cells; a saved run is the same network without any hub= at all."""
    _, state = mixvpr_state(cells=400, channels=channels, rows=rows, depth=4, bias=True)
    torch.save(state, tmp_path / "mixvpr.ckpt")
    typed = ["hub=mixvpr", f"hub.weights={tmp_path}/mixvpr.ckpt", f"test_folders=[{place}/mini]", *COMMON[1:]]
    shape = [f"aggregator.channels={channels}", f"aggregator.rows={rows}"]
    run = work(tmp_path / "run", "task=test", *typed, *shape)
    facts = results_of(run)
    assert (facts["model"]["descriptor_dim"], facts["protocol"]["image_size"]) == (dim, [320, 320])
    assert facts["domains"]["mini"]["recalls"] == {"1": 100.0, "5": 100.0}
    assert not any("UNTRAINED" in line for line in facts["warnings"])
    assert "its authors state no licence of code or weights" in caplog.text
    with pytest.raises(InputError, match=f"and not this network .*; the network there is .* {' '.join(shape)}"):
        work(tmp_path / "other", "task=test", *typed, "aggregator.channels=256")
    short = ["export.formats=[weights]", "export.latency=false"]
    made = work(tmp_path / "export", "task=export", *typed[:2], *shape, *short)
    assert DescriptorNet.load(made).digest() == facts["model"]["digest"]


def test_what_is_said_to_fit_a_file_may_be_typed_beside_it(tmp_path):
    (tmp_path / "a.ckpt").touch()
    shape = ["aggregator.channels=64", "aggregator.rows=2", "aggregator.depth=4", "aggregator.ratio=1"]
    fits = ["backbone=resnet50", "backbone.cut=conv4", "aggregator=mixvpr", *shape, "image_size=[320,320]"]
    cfg = job_of(tmp_path, "task=test", "hub=mixvpr", f"hub.weights={tmp_path}/a.ckpt", *fits).cfg
    assert (cfg["backbone"]["depth"], cfg["aggregator"]["channels"], cfg["image_size"]) == (50, 64, [320, 320])
    assert cfg["backbone"]["weights"] == "imagenet"  # also on the demo city, whose networks start from random values


def test_a_network_of_our_own_is_not_taken_for_that_of_others(place, tmp_path):
    DescriptorNet.from_spec(small("resnet18", "gem")).save(tmp_path)
    typed = ["hub=mixvpr", f"hub.weights={tmp_path}", f"test_folders=[{place}/mini]", *COMMON[1:]]
    with pytest.raises(InputError, match=r"hub\.weights=\S+: holds a network of geoloc; checkpoint=\S+ takes it"):
        work(tmp_path / "run", "task=test", *typed)


def test_no_head_may_be_typed(tmp_path):
    assert job_of(tmp_path, "task=test", "hub=cosplace", "head=none", "block=none").cfg["head"] == {"_target_": None}


def test_values_that_are_no_numbers_end_the_test_with_a_reason(place):
    typed = [*CUSTOM, "hub.entry=broken", f"hub.source={place}/clone", f"test_folders=[{place}/mini]", *COMMON]
    with pytest.raises(ValueError, match="a descriptor holds NaN or infinity"):
        work(place / "broken", "task=test", *typed)


@pytest.mark.slow
def test_without_a_network_the_command_ends_with_2(tmp_path, mini_city):
    done = geoloc(
        tmp_path, "task=test", "hub=eigenplaces", f"test_folders=[{mini_city}]", "trainer=cpu",
        https_proxy="http://127.0.0.1:9", TORCH_HOME=str(tmp_path / "torch"),
    )  # fmt: skip
    assert done.returncode == 2
    assert "https://github.com/gmberton/EigenPlaces is not on this machine and cannot be downloaded" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_was_named_is_trusted_for_a_resumed_run(place, monkeypatch):
    monkeypatch.setattr(hub_code, "TRUSTED", set())
    hub_code.trust(None)
    hub_code.trust(str(place / "clone"))
    assert {(place / "clone").resolve()} == hub_code.TRUSTED
