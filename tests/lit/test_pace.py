import logging
from itertools import count

from pytorch_lightning.loggers.logger import Logger
from tiny import miner, tiny_data, tiny_module, tiny_net, tiny_trainer

from geoloc.lit.checkpoints import EpochTable, last_checkpoint
from geoloc.lit.pace import Pace
from geoloc.stages import Stopwatch


class Noted(Logger):
    """What a dashboard would get."""

    name, version = "noted", 0

    def __init__(self):
        super().__init__()
        self.rows = []

    def log_hyperparams(self, *args, **kwargs):
        pass

    def log_metrics(self, metrics, step=None):
        self.rows.append((step, metrics))


def trained(city, tmp_path, epochs=3, **options):
    """A run whose clock goes on by a second each time it is looked at, so that seconds count bookings."""
    ticks = count()
    watch, noted = Stopwatch(lambda: float(next(ticks))), Noted()
    callbacks = [EpochTable(tmp_path / "metrics.csv"), Pace(), miner(tmp_path), last_checkpoint(tmp_path / "kept")]
    trainer = tiny_trainer(tmp_path, callbacks, epochs, logger=noted, **options)
    module = tiny_module(tiny_net(), tmp_path, watch=watch)
    trainer.fit(module, datamodule=tiny_data(city))
    return watch.seconds, noted.rows


def test_each_stage_gets_its_time(mini_city, tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "geoloc")
    seconds, rows = trained(mini_city, tmp_path)
    # Three epochs of two batches; validation in each; mining before the first two ends and at the start.
    assert seconds == {
        "preparation": 1,
        "training/waiting": 6,
        "training/steps": 6,
        "mining/describing": 3,
        "mining/choosing": 3,
        "validation/describing": 3,
        "validation/searching": 3,
        "checkpoints": 3,
        "rest": 3,
    }
    first = {
        "time/training/waiting": 2,
        "time/training/steps": 2,
        "time/validation/describing": 1,
        "time/validation/searching": 1,
        "time/mining/describing": 1,
        "time/mining/choosing": 1,
        "time/checkpoints": 1,
        "time/rest": 1,
    }
    last = {name: value for name, value in first.items() if "mining" not in name}
    # Metrics of mining come in rows of their own.
    assert [row for row in rows if "time/rest" in row[1]] == [
        (2, first | {"epoch": 0}),
        (4, first | {"epoch": 1}),
        (6, last | {"epoch": 2}),
    ]
    told = [text for text in caplog.messages if "% training" in text]
    assert told == [
        "epoch 0: 40 % training (20 % waiting for images), 20 % mining (10 % describing, 10 % choosing),"
        " 20 % validation (10 % describing, 10 % searching), 10 % checkpoints, 10 % the rest",
        told[0].replace("epoch 0", "epoch 1"),
        # Eighths: 12.5 % each, of which the first four are rounded up.
        "epoch 2: 50 % training (25 % waiting for images), 26 % validation (13 % describing, 13 % searching),"
        " 12 % checkpoints, 12 % the rest",
        "training took 30.0 s: 40 % training (20 % waiting for images), 20 % mining (10 % describing, 10 % choosing),"
        " 20 % validation (10 % describing, 10 % searching), 10 % checkpoints, 10 % the rest",
    ]
    assert sum(text.endswith("of memory in use") for text in caplog.messages) == 3
    assert "time" not in (tmp_path / "metrics.csv").read_text().splitlines()[0]


def test_an_epoch_without_validation_books_none(mini_city, tmp_path):
    seconds, rows = trained(mini_city, tmp_path, epochs=2, check_val_every_n_epoch=2)
    assert seconds["validation/describing"] == seconds["validation/searching"] == 1
    (first, second) = [values for _, values in rows if "time/rest" in values]
    assert "time/validation/describing" not in first
    assert second["time/validation/describing"] == 1
