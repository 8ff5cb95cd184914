"""Stored maps of frozen layers: the same tuples and the same weights, and fewer images read."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import TINY
from in_process import work
from pytorch_lightning.callbacks import Callback
from tiny import tiny_data, tiny_module, tiny_trainer

from geoloc.data import datasets
from geoloc.data.augment.color import Gamma
from geoloc.data.augment.geometric import Flip
from geoloc.data.augment.tuples import Augment
from geoloc.errors import InputError
from geoloc.extraction.describer import LEAST, Describer
from geoloc.lit.checkpoints import AtomicFiles, last_checkpoint
from geoloc.lit.initialise import Initialise
from geoloc.lit.maps import FrozenMaps
from geoloc.lit.mining import MineTriplets
from geoloc.mining.partial import Partial
from geoloc.net import DescriptorNet

SPEC = {
    "backbone": {"_target_": "geoloc.backbones.resnet.ResNet", "weights": "none", "freeze": "early"},
    "aggregator": {"_target_": "geoloc.aggregators.netvlad.NetVLAD", "clusters": 4},
    "image_size": [64, 64],
}
AN_IMAGE = 128 * 8 * 8 * 4  # bytes of ResNet-18's maps after layer2 of 64 x 64 pixels, float32
GIB = 2**30


class Note(Callback):
    """The tuples of each epoch, and the losses of its steps."""

    def __init__(self, mining):
        self.mining, self.mined, self.losses = mining, [], []

    def on_train_epoch_start(self, trainer, module):
        self.mined.append(self.mining.tuples.tolist())

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.losses.append(outputs["loss"].item())


def train(city, folder, limit=1.0, precision="exact", epochs=3, ckpt=None, seed=0, trainer_precision="32-true", **data):
    """Train a ResNet with frozen layers; its network, what was mined and lost, and its maps."""
    torch.manual_seed(seed)
    net = DescriptorNet.from_spec(SPEC)
    maps = FrozenMaps(limit, folder / "descriptors" / "maps.npy") if limit else None
    mining = MineTriplets(Partial(4, 3, pool=6), 0, folder / "descriptors", maps)
    note = Note(mining)
    callbacks = [*([] if ckpt else [Initialise(0)]), mining, *([maps] if maps else []), note]
    trainer = tiny_trainer(
        folder,
        [*callbacks, last_checkpoint(folder / "checkpoints")],
        epochs,
        precision=trainer_precision,
        limit_val_batches=0,
        plugins=[AtomicFiles()],
    )
    module = tiny_module(net, folder, describer=Describer(precision))
    module.make_optimizer = lambda parameters: torch.optim.Adam(parameters, 1e-4)
    trainer.fit(module, datamodule=tiny_data(city, **data), ckpt_path=ckpt)
    return net, note, maps


def same(a: DescriptorNet, b: DescriptorNet) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.fixture(scope="module")
def plain(mini_city, tmp_path_factory):
    """Trained without stored maps."""
    net, note, _ = train(mini_city, tmp_path_factory.mktemp("plain"), limit=0)
    return net, note


def test_the_same_is_mined_and_learned_to_the_last_bit(mini_city, tmp_path, plain):
    net, note, maps = train(mini_city, tmp_path)
    assert note.mined == plain[1].mined
    assert note.losses == plain[1].losses
    assert same(net, plain[0])
    assert (maps.slots.of >= 0).any()
    assert not (tmp_path / "descriptors").exists()


def test_folded_maps_give_the_same_tuples_and_losses_to_a_millionth_of_the_margin(mini_city, tmp_path, plain):
    _, note, _ = train(mini_city, tmp_path, precision="float32")
    assert note.mined == plain[1].mined
    np.testing.assert_allclose(note.losses, plain[1].losses, rtol=0, atol=1e-6)  # the margin is 1


@pytest.mark.parametrize("images", [1, 5])
def test_a_store_of_few_images_changes_nothing(mini_city, tmp_path, plain, images):
    net, note, maps = train(mini_city, tmp_path, limit=images * AN_IMAGE / GIB)
    assert (maps.slots.of >= 0).sum() == images
    assert note.mined == plain[1].mined
    assert same(net, plain[0])


def test_stored_images_are_read_once(mini_city, tmp_path, monkeypatch):
    """12 database photos and 6 queries; all are mined in the first epochs, and none is read again."""
    read = []
    original = datasets.read_pixels
    monkeypatch.setattr(datasets, "read_pixels", lambda path, *rest: read.append(path) or original(path, *rest))
    train(mini_city, tmp_path, epochs=6)
    train_reads = [path for path in read if "/train/" in path]
    # Initialise: 18 for the statistics of batch norm, 18 for the clusters. Each mining tries 8 on the describer.
    assert len(train_reads) <= 18 + 18 + 6 * 8 + 18
    assert len(set(train_reads)) == 18


def test_without_them_each_use_reads_the_image(mini_city, tmp_path, monkeypatch):
    """The count above would be larger by far."""
    read = []
    original = datasets.read_pixels
    monkeypatch.setattr(datasets, "read_pixels", lambda path, *rest: read.append(path) or original(path, *rest))
    train(mini_city, tmp_path, limit=0, epochs=6)
    assert len([path for path in read if "/train/" in path]) > 18 + 18 + 6 * 4 * 5


def test_resumed_is_what_went_on(mini_city, tmp_path, plain):
    train(mini_city, tmp_path / "first", epochs=1)
    last = str(tmp_path / "first" / "checkpoints" / "last.ckpt")
    net, note, _ = train(mini_city, tmp_path / "second", ckpt=last, seed=99)
    assert note.mined == plain[1].mined[1:]
    assert same(net, plain[0])


def test_resumed_with_folded_maps_is_what_went_on(mini_city, tmp_path):
    straight, _, _ = train(mini_city, tmp_path / "straight", precision="float32")
    train(mini_city, tmp_path / "first", precision="float32", epochs=1)
    last = str(tmp_path / "first" / "checkpoints" / "last.ckpt")
    net, _, _ = train(mini_city, tmp_path / "second", precision="float32", ckpt=last, seed=99)
    assert same(net, straight)


def test_a_resumed_run_that_mines_no_more_removes_the_file_of_the_killed_one(mini_city, tmp_path, monkeypatch):
    """All its epochs were trained, or the last one has its tuples in the checkpoint."""
    killed = tmp_path / "descriptors" / "maps.npy"
    with monkeypatch.context() as patched:
        patched.setattr(FrozenMaps, "_remove", lambda *_: None)
        train(mini_city, tmp_path, epochs=2)
    assert killed.is_file()
    train(mini_city, tmp_path, epochs=2, ckpt=str(tmp_path / "checkpoints" / "last.ckpt"))
    assert not killed.exists()


def test_under_mixed_precision_maps_take_half(mini_city, tmp_path, caplog, monkeypatch):
    """Mining goes by them too, and without them by full precision; so steps are compared on the same tuples."""
    with caplog.at_level("INFO"):
        _, note, _ = train(mini_city, tmp_path / "with", trainer_precision="bf16-mixed")
    assert "0.02 MiB an image (bfloat16); room for 18 of 18 images" in caplog.text  # 128 * 8 * 8 * 2 / 2**20 = 0.016
    select = datasets.Triplets.select
    monkeypatch.setattr(
        datasets.Triplets, "select", lambda self, _, epoch: select(self, np.array(note.mined[epoch]), epoch)
    )
    _, without, _ = train(mini_city, tmp_path / "without", limit=0, trainer_precision="bf16-mixed")
    assert note.losses == without.losses


def test_mixed_precision_is_for_training_alone(mini_city, tmp_path):
    """What is mined first, before anything is learned, is what full precision mines."""
    (_, mixed, _), (_, full, _) = (
        train(mini_city, tmp_path / precision, limit=0, epochs=1, trainer_precision=precision)
        for precision in ("bf16-mixed", "32-true")
    )
    assert mixed.mined == full.mined
    assert mixed.losses != full.losses


@pytest.mark.parametrize("whole", [False, True])
def test_maps_of_bfloat16_are_for_mining_alone(mini_city, tmp_path, caplog, monkeypatch, whole):
    """With `shared` steps every image of a tuple is changed, and what mining makes of the maps is as it would be."""
    steps = {"shared": [Flip(p=0.5)]} if whole else {"steps": [Gamma([0.5, 2.0], [0.3, 1.0])], "keep_original": True}
    caplog.set_level("INFO")
    monkeypatch.setitem(LEAST, "bfloat16", 0.5)  # random weights agree less
    options = {"epochs": 2, "precision": "bfloat16", "augment": Augment(**steps), "num_workers": 0}
    found = [train(mini_city, tmp_path / str(limit), limit, **options) for limit in (0, 1)]
    # Steps that use the maps get them in the trainer's precision, whatever the images are mined in.
    assert f"({'bfloat16' if whole else 'float32'}); room for 18 of 18 images" in caplog.text
    assert ("training steps use no maps" in caplog.text) == whole
    if whole:
        assert found[0][1].mined == found[1][1].mined
        assert same(found[0][0], found[1][0])


@pytest.mark.slow
def test_queries_that_are_augmented_are_read_and_the_others_stored(mini_city, tmp_path):
    augment = Augment([Gamma([0.5, 2.0], [0.3, 1.0])], keep_original=True)
    found = [
        train(mini_city, tmp_path / str(limit), limit, epochs=2, augment=augment, num_workers=2) for limit in (0, 1)
    ]
    assert found[0][1].mined == found[1][1].mined
    assert same(found[0][0], found[1][0])


def test_a_limit_below_one_image_is_refused(mini_city, tmp_path):
    with pytest.raises(InputError, match=r"^frozen_maps: 1e-07 GiB do not hold the maps of one image \(0.03 MiB\)"):
        train(mini_city, tmp_path, limit=1e-7)


def test_the_file_goes_when_training_fails(mini_city, tmp_path, monkeypatch):
    def fail(*_):
        assert (tmp_path / "descriptors" / "maps.npy").is_file()
        raise KeyError("on purpose")

    monkeypatch.setattr(Note, "on_train_epoch_start", fail)
    with pytest.raises(KeyError, match="on purpose"):
        train(mini_city, tmp_path)
    assert not (tmp_path / "descriptors").exists()


@pytest.mark.slow
def test_two_processes_share_one_store(mini_city, tmp_path):
    here = Path(__file__).parent
    paths = [os.environ.get("PYTHONPATH", ""), str(here), str(here.parent)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    script = [sys.executable, str(here / "two_processes_maps.py"), str(mini_city), str(tmp_path)]
    done = subprocess.run(script, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    first, second = (json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in (0, 1))
    assert first["1"]["mined"] == second["1"]["mined"] == first["0"]["mined"]
    assert first["1"]["weights"] == second["1"]["weights"] == first["0"]["weights"]
    assert first["1"]["stored"] == second["1"]["stored"] == 18
    assert first["0"]["stored"] == 0
    for rank in (first, second):
        assert rank["1"]["losses"] == rank["0"]["losses"]
    assert not (tmp_path / "descriptors").exists()


@pytest.mark.slow
def test_a_run_stores_maps_and_says_so(mini_city, tmp_path, caplog):
    found, typed = [], [*TINY, "backbone.freeze=early", "extraction=exact", f"data.path={mini_city}"]
    for limit in ("0", "0.001"):
        with caplog.at_level("INFO"):
            run = work(tmp_path / limit, *typed, f"frozen_maps={limit}")
        found.append([(run / name).read_text() for name in ("metrics.csv", "model.yaml")])
        assert not (run / "descriptors").exists()
    assert found[0] == found[1]
    # 0.001 GiB hold 32 images of 32 KiB; the second mining wants 4 queries, and all 12 images of the database, again.
    assert "0.03 MiB an image (float32); room for 18 of 18 images in 0.00 GiB on the disk" in caplog.text
    assert re.search(r"maps of the frozen layers: 1[2-6] of 16 images were stored already", caplog.text)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ([], "frozen_maps: has no effect on this ResNet, whose first layers are trained"),
        (["backbone=timm", "backbone.model=vit_tiny_patch16_224"], "frozen_maps: has no effect on this Timm"),
        (["backbone.freeze=early", "frozen_maps=-1"], "frozen_maps: "),
        (["task=describe"], "frozen_maps: has an effect on task=train alone"),
    ],
)
def test_where_it_can_have_no_effect_it_is_refused(mini_city, tmp_path, typed, said):
    with pytest.raises(InputError) as caught:
        work(tmp_path / "run", *TINY, f"data.path={mini_city}", "frozen_maps=1", *typed)
    assert any(problem.startswith(said) for problem in caught.value.problems), caught.value.problems
