import re
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf, open_dict

from geoloc.config import instantiate, plain, problems, typed_keys
from geoloc.run import conf_folder

CONF = conf_folder()
GROUPS = sorted(path.name for path in CONF.iterdir() if path.is_dir() and path.name not in ("hydra", "paths", "local"))
CHOICES = [(group, path.stem) for group in GROUPS for path in sorted((CONF / group).glob("*.yaml"))]
NEEDED = {
    ("hub", "mixvpr"): [f"hub.weights={Path(__file__)}"],
    ("data", "folder"): ["data.path=somewhere"],
    ("data", "table"): ["data.path=photos.csv"],
    ("backbone", "timm"): ["backbone.model=resnet10t"],
    ("backbone", "vit"): ["image_size=[224,224]"],
    ("backbone", "cct384"): ["image_size=[384,384]"],
    ("aggregator", "cls"): ["backbone=vit", "image_size=[224,224]"],
    ("aggregator", "crn"): ["task=test"],
    ("hub", "custom"): ["hub.repository=owner/name", "hub.entry=net", "hub.dim=512"],
    ("task", "localize"): ["database=.", "queries=."],
    ("task", "demo"): ["database=."],
    ("experiment", "pitts30k_crn"): ["task=test"],
    ("task", "export"): [f"checkpoint={Path(__file__).parent}"],
}
OPTUNA = ("optuna", "night_augmentation")  # these need the extra `sweep`
# Another loss than that of the yaml.
PML = ["loss=metric_learning", "~loss.loss.margin"]


@pytest.fixture
def composed():
    """Compose as the command line would; gives a function of overrides."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):

        def make(*overrides):
            cfg = compose("config", list(overrides), return_hydra_config=True)
            with open_dict(cfg):
                cfg.hydra.runtime.output_dir = "out"
                cfg.hydra.mode = "MULTIRUN" if cfg.hydra.sweeper.params else "RUN"
            HydraConfig.instance().set_config(cfg)
            with open_dict(cfg):
                del cfg["hydra"]
            return cfg

        yield make
    GlobalHydra.instance().clear()


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_of_every_group_composes(composed, group, choice):
    if choice in OPTUNA:
        pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    typed = f"domains@test=[{choice}]" if group == "domains" else f"{group}={choice}"
    expected = []
    if choice == "gpu" and not torch.cuda.is_available():
        expected = ["trainer: pytorch_lightning.Trainer: No supported gpu backend found!"]
    assert problems(composed(typed, *NEEDED.get((group, choice), []))) == expected


@pytest.mark.parametrize(
    ("group", "choice"),
    [pair for pair in CHOICES if pair[0] in ("loss", "miner", "aug", "index", "scheduler", "optimizer")],
)
def test_every_small_part_can_be_made(composed, group, choice):
    node = plain(composed(f"{group}={choice}"))[group]
    made = instantiate(node)
    assert (made is None) == (choice == "none")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["+sede=3"], "sede: no such key; did you mean seed?"),
        (["+optimizer.weight_decy=1"], "optimizer.weight_decy: torch.optim.Adam has no such argument; did you mean"),
        (["seed=x"], "seed: input should be a valid integer"),
        (["compile=maybe"], "compile: must be auto, true or false, not 'maybe'"),
        (["compile=1"], "compile: must be auto, true or false, not 1"),
        (["image_size=[480]"], "image_size: must be [height, width] in whole pixels, such as [480, 640]"),
        (["image_size=[64,64,3]"], "image_size: must be [height, width] in whole pixels, such as [480, 640]"),
        (["optimizer.lr=-1"], "optimizer: Invalid learning rate: -1"),
        (["seed=99999999999"], "seed: input should be less than or equal to 4294967295"),
        (["trainer.check_val_every_n_epoch=null"], "trainer.check_val_every_n_epoch: must be a number of epochs"),
        (["trainer.max_epochs=0"], "trainer.max_epochs: must be at least 1, not 0"),
        (["trainer.precision=bf16-true"], "trainer.precision: bf16-true is not supported"),
        (["trainer.accelerator=foo"], "trainer: "),
        (["+trainer.num_sanity_val_steps=2"], "trainer.num_sanity_val_steps: is set by geoloc itself"),
        (["checkpoint=gone.ckpt"], "checkpoint=gone.ckpt: no such file"),
        (["image_size=[8,640]"], "image_size: [height, width] in pixels, each at least 32, not [8, 640]"),
        (["backbone.cut=conv3"], "backbone.cut: input should be 'conv4' or 'conv5', not 'conv3'"),
        (["aggregator.clusters=many"], "aggregator.clusters: input should be a valid integer"),
        (
            ["loss._target_=geoloc.losses.nothing.Nothing"],
            "loss._target_: geoloc.losses.nothing.Nothing cannot be imported",
        ),
        (["monitor=R3"], "monitor: R3 needs 3 among recall_values"),
        (["monitor=recall"], "monitor: string should match pattern '^R"),
        (["radius.positive=30"], "radius.positive: must not exceed radius.negative"),
        (["radius.eval=-1"], "radius.eval: input should be greater than 0, not -1"),
        (["+radius.evil=1"], "radius.evil: no such key"),
        (["recall_values=[0,1]", "monitor=R1"], "recall_values: must be at least 1"),
        (["+trainer.limit_val_batches=2"], "trainer.limit_val_batches: recall on a part of a domain means nothing"),
        (
            ["miner.negatives=0"],
            "miner: geoloc.mining.partial.Partial: queries_per_epoch (240) and negatives (0) must be",
        ),
        (["loss.margin=0"], "loss: geoloc.losses.triplet.Triplet: margin must be above 0, not 0"),
        (["name='a b'"], "name: string should match pattern"),
        (["data=folder"], "data.path: must be given, such as data.path=VALUE"),
        (["data=table"], "data.path: must be given, such as data.path=VALUE"),
        (["data=table", "data.path=photos"], "data.path: data=table reads a CSV file (.csv), not photos; a folder in"),
        (["data=folder", "data.path=a.csv"], "data.path: a.csv is no data set's folder; a table of photos is read by"),
        (["data=table", "data.path=a.csv", "queries_folder=b"], "queries_folder: has no effect on data=table, whose"),
        (["checkpoint=[1]"], "checkpoint: input should be a valid string, not [1]"),
        (["train_batch_size=4.0"], "train_batch_size: input should be a valid integer, not 4.0"),
        (["recall_values=[1.0,5]", "monitor=R5"], "recall_values.0: input should be a valid integer, not 1.0"),
        (["aggregator.clusters=4.0"], "aggregator.clusters: input should be a valid integer, not 4.0"),
        (["miner.negatives=true"], "miner.negatives: input should be a valid integer, not True"),
        (["+trainer.overfit_batches=1"], "trainer.overfit_batches: would validate on a part of a domain"),
        (["trainer.limit_train_batches=0"], "trainer.limit_train_batches: must be above 0, or null for all"),
        (
            ["experiment=night_study", "data=folder", "data.path=x"],
            "val: demo_city_val would choose the checkpoint, though data=folder is trained on; type",
        ),
        (["num_workers=-1"], "num_workers: input should be greater than or equal to 0, not -1"),
    ],
)
def test_wrong_configs_get_one_line_each(composed, overrides, message):
    found = problems(composed(*overrides))
    assert len(found) == 1
    assert found[0].startswith(message) or message in found[0]
    assert "\n" not in found[0]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["aggregator=cls"],
            "aggregator: Cls needs a class token, which ResNet has not; use backbone=vit, a transformer",
        ),
        (["aggregator=crn"], "aggregator: CRN starts from a trained NetVLAD network: checkpoint=PATH of one"),
        (["backbone=vit"], "image_size: backbone=vit with backbone.size=224 takes [224,224] only, not [96,128]"),
        (["backbone=cct384"], "image_size: backbone=cct384 takes [384,384] only, not [96,128]"),
        (["backbone=cct384", "aggregator=cls", "image_size=[384,384]"], "backbone.class_token=true"),
        (["backbone=timm"], "backbone.model: must be given, such as backbone.model=VALUE"),
        (["backbone=timm", "backbone.model=rasnet18"], "backbone.model: timm has no 'rasnet18'; near are "),
        (
            ["backbone=timm", "backbone.model=vit_small_patch14_dinov2"],
            "takes multiples of its patches of 14x14 pixels, not [96,128]; the nearest is [98,126]",
        ),
        (["backbone=vit", "image_size=[224,224]", "backbone.trunc_te=13"], "backbone.trunc_te: must be from 0 to 12"),
        (["head=fc", "head.dim=0"], "dim must be at least 1, not 0"),
        (["block=non_local", "block.count=0"], "count (0) and bottleneck (128) must be at least 1"),
        (["aggregator=gem", "aggregator.l2=before"], "aggregator.l2: input should be 'none', 'before_pool' or"),
        (["lr_factors.head=x"], "lr_factors.head: input should be a valid number"),
        (
            ["backbone=vit", "aggregator=cls", "block=non_local", "image_size=[224,224]"],
            "block: has no effect on aggregator=cls, which takes the class token; use block=none",
        ),
        (
            ["backbone=timm", "backbone.model=hiera_tiny_224", "image_size=[224,224]"],
            "this network cannot describe images of 224x224 pixels (normalization of features not supported)",
        ),
        (
            ["backbone=timm", "backbone.model=samvit_base_patch16", "image_size=[1024,1024]"],
            "backbone: its map has 256 channels, and not 768 as it says",
        ),
        (
            [*PML, "loss.loss._target_=pytorch_metric_learning.losses.FastAPLoss"],
            "loss: labels are required for this loss function",
        ),
        (
            [
                *PML,
                "loss.loss._target_=pytorch_metric_learning.losses.ProxyAnchorLoss",
                "+loss.loss.num_classes=2",
                "+loss.loss.embedding_size=4",
            ],
            "ProxyAnchorLoss has parameters of its own, which nothing trains",
        ),
        (["lr_factors.head=-1"], "lr_factors.head: input should be greater than or equal to 0, not -1"),
    ],
)
def test_networks_that_cannot_be_are_refused_before_any_data_is_read(composed, overrides, message):
    (found,) = problems(composed(*overrides))
    assert message in found


def test_an_experiment_counts_as_typed(composed):
    """What it chooses must agree with a checkpoint, as if the user had typed it; a user's own is tried elsewhere."""
    composed("experiment=pitts30k_crn", "trainer.max_epochs=1")
    assert typed_keys() >= {"experiment", "trainer.max_epochs", "data", "aggregator", "optimizer.lr", "lr_factors.mask"}
    composed("seed=1")
    assert typed_keys() == {"seed"}


def test_all_problems_come_together(composed):
    found = problems(composed("+optimizer.weight_decy=1", "backbone.cut=conv3", "miner.pool=few", "seed=x"))
    assert [line.split(":")[0] for line in found] == ["seed", "backbone.cut", "miner.pool", "optimizer.weight_decy"]


def test_lists_arrive_as_lists(composed):
    """Field fault E8: a list of the config must not reach a library as a config object."""
    chain = instantiate(plain(composed("aug=color"))["aug"])
    assert type(chain.steps.steps[0].factor) is list
    assert type(plain(composed())["image_size"]) is list


def test_the_demo_city_starts_from_random_weights_and_other_data_from_imagenet(composed):
    assert plain(composed())["backbone"]["weights"] == "none"
    assert plain(composed("backbone.weights=imagenet"))["backbone"]["weights"] == "imagenet"
    assert plain(composed("data=folder", "data.path=x"))["backbone"]["weights"] == "imagenet"
    assert plain(composed("backbone=efficientnet_lite0"))["backbone"]["weights"] == "imagenet"


def test_test_domains_can_be_chosen_by_name(composed):
    assert list(plain(composed("domains@test=[demo_city_night]"))["test"]) == ["demo_city_night"]
    assert list(plain(composed())["test"]) == ["demo_city_day", "demo_city_night"]


def test_benchmark_defaults_on_real_data(composed):
    """The defaults of the CVPR 2022 benchmark, which published numbers rest on."""
    cfg = plain(composed("data=folder", "data.path=x"))
    assert cfg["image_size"] == [480, 640]
    assert (cfg["radius"]["positive"], cfg["radius"]["negative"], cfg["radius"]["eval"]) == (10, 25, 25)
    assert cfg["miner"] == {
        "_target_": "geoloc.mining.partial.Partial",
        "queries_per_epoch": 1000,
        "negatives": 10,
        "pool": 1000,
    }
    assert (cfg["train_batch_size"], cfg["patience"], cfg["monitor"]) == (4, 3, "R5")
    assert (cfg["optimizer"]["_target_"], cfg["optimizer"]["lr"]) == ("torch.optim.Adam", 1e-5)
    assert cfg["trainer"]["check_val_every_n_epoch"] == 5  # 5 x 1000 queries are the benchmark's epoch
    assert (cfg["loss"]["margin"], cfg["loss"]["distance"]) == (0.1, "euclidean")


def test_no_yaml_sets_the_sweep_mode_or_a_machine_path():
    for path in CONF.rglob("*.yaml"):
        text = path.read_text()
        assert not re.search(r"^\s*mode:\s*MULTIRUN", text, re.M), path
        assert "/home" not in text
    assert not list(CONF.rglob("*.yml"))


def test_the_word_is_the_folder():
    """aggregator=gem is conf/aggregator/gem.yaml and geoloc/aggregators/gem.py."""
    source = Path(conf_folder().parent / "src" / "geoloc")
    groups = {"aggregator": "aggregators", "block": "blocks", "head": "heads", "loss": "losses"}
    for group, package in {**groups, "miner": "mining", "index": "index"}.items():
        for path in (CONF / group).glob("*.yaml"):
            target = OmegaConf.load(path)["_target_"]
            if target is None:
                continue
            assert target.startswith(f"geoloc.{package}.{path.stem}."), path
            assert (source / package / f"{path.stem}.py").is_file()


def test_whole_numbers_may_stand_for_others_and_lists_for_tuples(composed):
    assert problems(composed("loss.margin=1", "optimizer.lr=1", "optimizer.betas=[0.5,0.9]", "radius.eval=30")) == []


@pytest.mark.parametrize("choice", [choice for group, choice in CHOICES if group == "domains"])
def test_every_domain_states_its_protocol(composed, choice):
    node = plain(composed(f"domains@test=[{choice}]", "radius.eval=12"))["test"][choice]
    protocol = instantiate(node["protocol"])
    assert (protocol.radius, protocol.frames is None) in [(12, True), (None, False)]


def test_where_data_sets_lie(composed, monkeypatch):
    for variable, wanted in (("", "datasets"), ("/data/vpr", "/data/vpr"), ("~/vpr", str(Path.home() / "vpr"))):
        monkeypatch.setenv("DATASETS_FOLDER", variable)
        assert plain(composed("data=pitts30k"))["data"]["path"] == f"{wanted}/pitts30k"
    monkeypatch.delenv("DATASETS_FOLDER")
    assert plain(composed("data=pitts30k"))["data"]["path"] == "datasets/pitts30k"
