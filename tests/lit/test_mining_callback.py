import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from pytorch_lightning.callbacks import Callback
from tiny import miner, tiny_data, tiny_module, tiny_net, tiny_trainer
from torch.utils.data import DataLoader

from geoloc.errors import InputError
from geoloc.lit.initialise import Initialise, initialise


class Received(Callback):
    """What the training step really gets: a fingerprint of every image of every tuple, an epoch a list."""

    def __init__(self):
        self.epochs = []

    def on_train_epoch_start(self, trainer, module):
        self.epochs.append([])

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        self.epochs[-1] += [tuple(row) for row in batch.long().sum(dim=(2, 3, 4)).tolist()]


def received(mini_city, tmp_path, workers, epochs=3):
    net = tiny_net()
    seen, mining = Received(), miner(tmp_path)
    data = tiny_data(mini_city, num_workers=workers)
    mined = []

    class Note(Callback):
        def on_train_epoch_start(self, trainer, module):
            mined.append(mining.tuples.copy())

    trainer = tiny_trainer(tmp_path, [mining, seen, Note()], epochs)
    trainer.fit(tiny_module(net, tmp_path), datamodule=data)
    return seen.epochs, mined, data, net


def test_the_training_step_gets_the_tuples_of_its_epoch(mini_city, tmp_path):
    """Field fault B5: with worker processes, tuples that are mined too late reach the step an epoch late or never."""
    epochs, mined, data, _ = received(mini_city, tmp_path, workers=2)
    triplets = data.triplets
    assert len(epochs) == 3
    for seen, tuples in zip(epochs, mined, strict=True):
        triplets.select(tuples, 0)
        expected = [tuple(triplets[i].long().sum(dim=(1, 2, 3)).tolist()) for i in range(len(tuples))]
        assert sorted(seen) == sorted(expected)
    assert sorted(epochs[0]) != sorted(epochs[1])


def test_0_and_2_workers_train_on_identical_tuples(mini_city, tmp_path):
    none, _, _, net_none = received(mini_city, tmp_path / "0", workers=0)
    two, _, _, net_two = received(mini_city, tmp_path / "2", workers=2)
    assert none == two  # in the same order
    for a, b in zip(net_none.state_dict().values(), net_two.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_a_loader_with_persistent_workers_is_refused(tiny, tmp_path, monkeypatch):
    _, data, module, mining = tiny
    monkeypatch.setattr(
        data, "train_dataloader", lambda: DataLoader(data.triplets, 2, num_workers=1, persistent_workers=True)
    )
    with pytest.raises(InputError, match="persistent_workers=True"):
        tiny_trainer(tmp_path, [mining]).fit(module, datamodule=data)


def test_loaders_that_are_not_rebuilt_are_refused(tiny, tmp_path):
    _, data, module, mining = tiny
    with pytest.raises(InputError, match="reload_dataloaders_every_n_epochs: must be 1"):
        tiny_trainer(tmp_path, [mining], reload_dataloaders_every_n_epochs=0).fit(module, datamodule=data)


def test_mining_and_validation_leave_every_mode_as_it_was(tiny, tmp_path):
    """Field fault B7."""
    net, data, module, mining = tiny
    modes, gradients = [], []

    class Modes(Callback):
        def on_train_batch_start(self, trainer, module, batch, batch_idx):
            modes.append((net.backbone.first[1].training, net.backbone.second[1].training, net.training))
            gradients.append((torch.is_grad_enabled(), torch.is_inference_mode_enabled()))

    frozen = {name: value.clone() for name, value in net.backbone.first.state_dict().items()}
    moving = net.backbone.second[1].running_mean.clone()
    tiny_trainer(tmp_path, [mining, Modes()], 3).fit(module, datamodule=data)
    assert set(modes) == {(False, True, True)}
    assert set(gradients) == {(True, False)}
    for name, value in net.backbone.first.state_dict().items():
        assert torch.equal(value, frozen[name])
    assert not torch.equal(net.backbone.second[1].running_mean, moving)


def test_clusters_are_set_in_place_and_every_trainable_parameter_moves(tiny, tmp_path):
    """Field faults B8 and B9."""
    net, data, module, mining = tiny
    start = {}

    class Before(Callback):
        def on_train_batch_start(self, trainer, module, batch, batch_idx):
            if not start:
                start.update({name: p.detach().clone() for name, p in net.named_parameters()})

    random_centroids = net.aggregator.centroids.detach().clone()
    trainer = tiny_trainer(tmp_path, [Initialise(0), mining, Before()], 1, limit_train_batches=1)
    trainer.fit(module, datamodule=data)
    assert not torch.equal(start["aggregator.centroids"], random_centroids)
    for name, parameter in net.named_parameters():
        assert torch.equal(parameter, start[name]) != parameter.requires_grad, name


def test_a_frozen_parameter_is_not_given_to_the_optimizer(tiny, tmp_path):
    net, data, module, mining = tiny
    tiny_trainer(tmp_path, [mining], 1, limit_train_batches=1).fit(module, datamodule=data)
    held = {id(p) for group in module.optimizers().param_groups for p in group["params"]}
    assert held == {id(p) for p in net.parameters() if p.requires_grad}


def test_too_few_queries_are_said(mini_city, tmp_path, caplog):
    mining = miner(tmp_path, queries=1000)
    tiny_trainer(tmp_path, [mining], 1, limit_train_batches=1).fit(
        tiny_module(tiny_net(), tmp_path), datamodule=tiny_data(mini_city)
    )
    assert "miner.queries_per_epoch=1000, but only 6 train queries are usable: an epoch has 6" in caplog.text


def test_descriptors_of_mining_do_not_stay(tiny, tmp_path):
    _, data, module, mining = tiny
    tiny_trainer(tmp_path, [mining], 2).fit(module, datamodule=data)
    assert not (tmp_path / "descriptors").exists()


def test_state_of_the_callback_can_be_read_safely(tiny, tmp_path):
    _, _, _, mining = tiny
    mining.tuples, mining.epoch = np.array([[1, 2, 3]]), 4
    torch.save(mining.state_dict(), tmp_path / "state.pt")
    fresh = miner(tmp_path)
    fresh.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert (fresh.epoch, fresh.tuples.tolist()) == (4, [[1, 2, 3]])


def test_batch_norm_is_measured_alike_whatever_the_batch_size(mini_city):
    """Field fault A11; with single images nothing could be measured at all."""
    nets = []
    for size in (1, 5):
        net, data = tiny_net(), tiny_data(mini_city, infer_batch_size=size)
        assert data.train_domain is not None
        initialise(net, data, data.train_domain, torch.device("cpu"), seed=0)
        nets.append(net.state_dict())
    assert nets[0]["backbone.second.1.running_mean"].any()
    assert all(torch.allclose(nets[0][name], nets[1][name], atol=1e-6) for name in nets[0])


def test_random_weights_get_measured_statistics_and_trained_ones_keep_theirs(mini_city):
    net = tiny_net().train()
    data = tiny_data(mini_city)
    domain = data.train_domain
    order = np.random.default_rng([0, 500]).permutation(18)
    images = torch.stack([data.photos(domain).dataset[row][0] for row in order])
    initialise(net, data, domain, torch.device("cpu"), seed=0)
    first = net.backbone.first[0]((images.float() - net.mean) / net.std)
    bn = net.backbone.first[1]
    assert torch.allclose(bn.running_mean, first.mean(dim=(0, 2, 3)), atol=1e-5)
    # As in training, variance is that within a batch: here one of 16 images and one of 2.
    variances = [batch.var(dim=(0, 2, 3)) for batch in first.split(16)]
    assert torch.allclose(bn.running_var, (16 * variances[0] + 2 * variances[1]) / 18, atol=1e-5)
    assert bn.momentum == 0.1
    assert not bn.training
    kept = bn.running_mean.clone()
    initialise(net, data, domain, torch.device("cpu"), seed=1)
    assert torch.equal(bn.running_mean, kept)


@pytest.mark.slow
def test_two_processes_mine_the_same_and_share_the_work(mini_city, tmp_path):
    """Both mine the tuples that one process mines, and together they train on each of them once."""
    here = Path(__file__).resolve().parent
    paths = os.pathsep.join([str(here), str(here.parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, str(here / "two_processes.py"), str(mini_city), str(tmp_path)]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    first, second = (json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in (0, 1))
    assert first["mined"] == second["mined"]
    assert first["weights"] == second["weights"]
    data, alone, mined = tiny_data(mini_city), miner(tmp_path / "alone", queries=6), []

    class Note(Callback):
        def on_train_epoch_start(self, trainer, module):
            mined.append(alone.tuples.tolist())

    tiny_trainer(tmp_path, [Initialise(0), alone, Note()], 1).fit(tiny_module(tiny_net(), tmp_path), datamodule=data)
    assert first["mined"][0] == mined[0]
    for epoch, tuples in enumerate(first["mined"]):
        data.triplets.select(np.array(tuples), 0)
        expected = [data.triplets[i].long().sum(dim=(1, 2, 3)).tolist() for i in range(len(tuples))]
        assert len(first["seen"][epoch]) == len(second["seen"][epoch]) == 3
        assert sorted(first["seen"][epoch] + second["seen"][epoch]) == sorted(expected)
