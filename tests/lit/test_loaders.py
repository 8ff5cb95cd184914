"""Loaders' worker processes: started once where they are needed, and no number goes by how often."""

import pytest
import torch
from tiny import miner, tiny_data, tiny_module, tiny_net, tiny_trainer
from torch import nn
from torch.utils.data import DataLoader

from geoloc.data.loaders import StartedOnce
from geoloc.lit.checkpoints import last_checkpoint


def with_dropout(seed=0):
    net = tiny_net(seed)
    net.backbone.second.append(nn.Dropout(0.5))
    return net


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_resumed_run_drops_out_what_a_straight_one_does(mini_city, tmp_path, workers):
    """Each start of a loader draws a number; Lightning starts that of a resumed epoch once, others twice."""

    def run(folder, epochs, ckpt=None):
        net = with_dropout(0 if ckpt is None else 9)
        callbacks = [miner(folder), last_checkpoint(folder / "checkpoints")]
        data = tiny_data(mini_city, num_workers=workers)
        tiny_trainer(folder, callbacks, epochs).fit(tiny_module(net, folder), datamodule=data, ckpt_path=ckpt)
        return net.state_dict()

    straight = run(tmp_path / "straight", 4)
    run(tmp_path / "parted", 2)
    resumed = run(tmp_path / "parted", 4, str(tmp_path / "parted" / "checkpoints" / "last.ckpt"))
    for name, value in straight.items():
        assert torch.equal(value, resumed[name]), name


def test_the_train_loader_is_started_once_an_epoch(mini_city, tmp_path, monkeypatch):
    """Lightning asks for batches twice in all epochs but the first."""
    starts, iterate = [], DataLoader.__iter__

    def counted(self):
        starts.append(type(self).__name__)
        return iterate(self)

    monkeypatch.setattr(DataLoader, "__iter__", counted)
    trainer = tiny_trainer(tmp_path, [miner(tmp_path)], 3)
    trainer.fit(tiny_module(tiny_net(), tmp_path), datamodule=tiny_data(mini_city, num_workers=2))
    assert starts.count("StartedOnce") == 3
    assert starts.count("DataLoader") == 3 + 3  # mining and validation


@pytest.mark.parametrize("workers", [0, 2])
def test_a_start_gives_all_batches_whatever_was_taken_before(workers):
    loader = StartedOnce(list(range(6)), 2, num_workers=workers)
    first = iter(loader)
    assert iter(loader) is first
    assert next(first).tolist() == [0, 1]
    again = iter(loader)  # a batch has been taken, so it begins anew
    assert [batch.tolist() for batch in again] == [[0, 1], [2, 3], [4, 5]]
    assert [batch.tolist() for batch in loader] == [[0, 1], [2, 3], [4, 5]]


def test_workers_end_with_what_was_begun():
    loader = StartedOnce(list(range(6)), 2, num_workers=1)
    begun = iter(loader)
    (worker,) = begun._workers
    assert worker.is_alive()
    del begun
    worker.join(10)
    assert not worker.is_alive()
