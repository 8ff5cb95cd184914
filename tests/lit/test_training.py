from pathlib import Path

import pytest
import torch
from mini import name_of, write_mini_city
from pytorch_lightning.callbacks import Callback
from tiny import miner, tiny_data, tiny_module, tiny_net, tiny_trainer

from geoloc.data.augment.color import Gamma
from geoloc.data.augment.tuples import Augment
from geoloc.data.loaders import clamp_workers
from geoloc.errors import InputError
from geoloc.lit.checkpoints import AtomicFiles, EpochTable, Patience, best_checkpoint, last_checkpoint
from geoloc.lit.initialise import Initialise
from geoloc.mining.full import Full


def run(city, tmp_path, epochs, ckpt=None, folder=None, full=False):
    """Train with augmentation, checkpoints and table; returns the network and the trainer."""
    folder = folder or tmp_path
    net = tiny_net(seed=0 if ckpt is None else 99)
    augment = Augment([Gamma([0.5, 2.0], [0.3, 1.0], p=0.7)], keep_original=full)
    data = tiny_data(city, augment=augment, num_workers=2)
    mining = miner(folder)
    if full:
        mining.miner = Full(4, 3, pool=5)
    start = [] if ckpt else [Initialise(0)]
    best = best_checkpoint(folder / "checkpoints", "val/R1_mean")
    callbacks = [*start, EpochTable(folder / "metrics.csv"), mining, best, last_checkpoint(folder / "checkpoints")]
    trainer = tiny_trainer(folder, callbacks, epochs)
    trainer.fit(tiny_module(net, folder), datamodule=data, ckpt_path=ckpt)
    return net, trainer, best


@pytest.mark.slow
@pytest.mark.parametrize("full", [False, True])
def test_interrupted_and_resumed_equals_straight(mini_city, tmp_path, full):
    """Field fault E6: the same weights, the same table, the same best, on CPU to the last bit."""
    straight, _, best = run(mini_city, tmp_path / "straight", 4, full=full)
    run(mini_city, tmp_path / "parted", 2, full=full)
    moved = tmp_path / "moved"
    (tmp_path / "parted").rename(moved)  # a folder that was renamed between the two halves
    last = moved / "checkpoints" / "last.ckpt"
    resumed, trainer, best_resumed = run(mini_city, tmp_path, 4, ckpt=str(last), folder=moved, full=full)
    assert trainer.current_epoch == 4
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert (moved / "metrics.csv").read_text() == (tmp_path / "straight" / "metrics.csv").read_text()
    assert float(best_resumed.best_model_score) == float(best.best_model_score)
    assert best_resumed.best_model_path == str(moved / "checkpoints" / "best.ckpt")


def test_resuming_on_other_images_is_refused(tmp_path):
    """The mined tuples of the checkpoint are row numbers: they would mean other images."""
    city = write_mini_city(tmp_path / "city")
    run(city, tmp_path / "first", 1)
    first = sorted((city / "images" / "train" / "database").iterdir())[0]
    first.rename(first.with_name(name_of(499_000)))
    with pytest.raises(InputError, match=r"^city: the train data have changed since this run was interrupted"):
        run(city, tmp_path, 2, ckpt=str(tmp_path / "first" / "checkpoints" / "last.ckpt"))


def test_diverged_training_stops_with_a_reason(mini_city, tmp_path):
    net = tiny_net()
    with torch.no_grad():
        net.backbone.second[0].weight.fill_(float("nan"))
    with pytest.raises(RuntimeError, match="epoch 0: descriptors are not finite; training has diverged"):
        tiny_trainer(tmp_path, [miner(tmp_path)]).fit(tiny_module(net, tmp_path), datamodule=tiny_data(mini_city))


def test_checkpoints_are_safe_to_load_and_hold_no_config(mini_city, tmp_path):
    run(mini_city, tmp_path, 1)
    for name in ("best", "last"):
        content = torch.load(tmp_path / "checkpoints" / f"{name}.ckpt", weights_only=True)
        assert content["geoloc"]["epoch"] == 0
        assert "hyper_parameters" not in content
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}


def test_table_has_no_stale_validation_values(mini_city, tmp_path):
    net = tiny_net()
    trainer = tiny_trainer(
        tmp_path, [EpochTable(tmp_path / "metrics.csv"), miner(tmp_path)], 3, check_val_every_n_epoch=2
    )
    trainer.fit(tiny_module(net, tmp_path), datamodule=tiny_data(mini_city))
    header, *rows = [line.split(",") for line in (tmp_path / "metrics.csv").read_text().splitlines()]
    column = header.index("val/mini/R1")
    assert [bool(row[column]) if column < len(row) else False for row in rows] == [False, True, False]
    assert all(row[header.index("train/loss")] for row in rows)


def test_plateau_counts_validations_and_watches_the_recall(mini_city, tmp_path):
    def make(optimizer):
        return torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", factor=0.1, patience=0)

    module = tiny_module(tiny_net(), tmp_path, scheduler=make)
    trainer = tiny_trainer(tmp_path, [miner(tmp_path)], 6, check_val_every_n_epoch=2)
    trainer.fit(module, datamodule=tiny_data(mini_city))
    plan = trainer.lr_scheduler_configs[0]
    assert (plan.monitor, plan.frequency, plan.interval) == ("val/R1_mean", 2, "epoch")
    assert plan.scheduler.last_epoch == 3


def test_training_finds_the_places(mini_city, tmp_path):
    """The mini city can be learned: the loss falls and the trained network is not worse than the untrained one."""
    net = tiny_net()
    callbacks = [Initialise(0), EpochTable(tmp_path / "metrics.csv"), miner(tmp_path, 6)]
    trainer = tiny_trainer(tmp_path, callbacks, 8)
    trainer.fit(tiny_module(net, tmp_path), datamodule=tiny_data(mini_city))
    first = tiny_net()
    untrained = tiny_trainer(tmp_path, [])
    untrained.validate(tiny_module(first, tmp_path), datamodule=tiny_data(mini_city), verbose=False)
    assert float(trainer.callback_metrics["val/R1_mean"]) >= float(untrained.callback_metrics["val/R1_mean"])
    rows = (tmp_path / "metrics.csv").read_text().splitlines()
    losses = [float(row.split(",")[rows[0].split(",").index("train/loss")]) for row in rows[1:]]
    assert losses[-1] < 0.7 * losses[0]


def test_the_last_batch_is_trained_on_even_if_it_is_not_full(mini_city, tmp_path):
    """Field fault B4: 6 tuples in batches of 4 are two steps, in batches of 1 six, in batches of 100 one."""
    for size, steps in ((4, 2), (1, 6), (100, 1)):
        trainer = tiny_trainer(tmp_path, [miner(tmp_path, queries=6)], 1)
        data = tiny_data(mini_city, train_batch_size=size)
        trainer.fit(tiny_module(tiny_net(), tmp_path), datamodule=data)
        assert trainer.global_step == steps


def test_open_files_do_not_grow_over_epochs(mini_city, tmp_path):
    """Field fault D3: every epoch builds new loaders with new workers."""
    counts = []

    class Count(Callback):
        def on_train_epoch_end(self, trainer, module):
            counts.append(len(list(Path("/proc/self/fd").iterdir())))

    trainer = tiny_trainer(tmp_path, [miner(tmp_path), Count()], 6)
    trainer.fit(tiny_module(tiny_net(), tmp_path), datamodule=tiny_data(mini_city, num_workers=1))
    assert counts[-1] <= counts[1]


def test_more_workers_than_cores_are_cut_down(monkeypatch, caplog):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    assert clamp_workers(8) == 2
    assert "num_workers=8 is more than the 2 cores here; using 2" in caplog.text
    assert [clamp_workers(n) for n in (0, 1, None)] == [0, 1, 2]


def test_patience_is_what_the_config_says_today(tmp_path):
    stop = Patience("val/R1_mean", patience=7)
    stop.load_state_dict({"wait_count": 2, "stopped_epoch": 0, "best_score": torch.tensor(0.5), "patience": 3})
    assert (stop.patience, stop.wait_count) == (7, 2)


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "checkpoints" / "last.ckpt"
    AtomicFiles().save_checkpoint({"epoch": 1}, path)
    with pytest.raises(AttributeError):  # a local object cannot be pickled
        AtomicFiles().save_checkpoint({"epoch": 2, "bad": lambda: 0}, path)
    assert torch.load(path, weights_only=True) == {"epoch": 1}
    assert [file.name for file in path.parent.iterdir()] == ["last.ckpt"]
