"""Says after each epoch how fast it was, and where its time went."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from geoloc.data.domains import Domain
from geoloc.memory import resident_memory, size
from geoloc.result import Result
from geoloc.stages import Stopwatch, told

log = logging.getLogger(__name__)


def tell(domain: Domain, images: int, seconds: float, result: Result | None = None) -> None:
    """Say how fast a domain was described and searched, and how it was judged.

    Args:
        domain: The domain.
        images: Described, of all processes.
        seconds: That this took.
        result: None if it was only described.
    """
    said = (
        f"{domain.name}: described {images:,} images in {seconds:.1f} s ({images / max(seconds, 1e-9):,.0f} images/s)"
    )
    if result is not None:
        said += f", searched for {len(domain.queries):,} queries in {result.seconds['search']:.1f} s: "
        said += ", ".join(f"R@{n} {recall:.1f}" for n, recall in result.scores.recalls.items())
    log.info("%s", said)


class Pace(Callback):
    """Counts tuples, images and seconds of each epoch's training; mining and validation book their own time.

    It must come before the callback that mines. An epoch's time ends where the next one's begins, after the tuples of
    the next one have been mined and the checkpoints written; what comes before the first epoch is in the sum at the end
    alone. Waiting for images holds the start of the processes that read them. On a GPU it is the waiting of the
    process that gives it work, and only the end of a stage waits for the GPU: no step is slowed down by being timed.
    """

    def __init__(self) -> None:
        self.fit: dict[str, float] = {}
        self.epoch: dict[str, float] = {}
        self.number = -1  # of the epoch that is not told yet
        self.tuples = self.images = 0

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """All is ready."""
        _watch(pl_module).book("preparation")
        self.fit, self.number = dict(_watch(pl_module).seconds), -1

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Tell of the epoch before, and begin to count anew."""
        self._tell_epoch(trainer, pl_module)
        self.epoch, self.number = dict(_watch(pl_module).seconds), trainer.current_epoch
        self.tuples = self.images = 0

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """The batch has come."""
        _watch(pl_module).book("training/waiting")

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """The next batch is waited for."""
        self.tuples += batch.shape[0] * trainer.world_size
        self.images += batch.shape[0] * batch.shape[1] * trainer.world_size
        if trainer.is_last_batch and pl_module.device.type == "cuda":
            torch.cuda.synchronize(pl_module.device)
        _watch(pl_module).book("training/steps")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Say how fast the network was trained."""
        watch = _watch(pl_module)
        watch.book("rest")
        took = watch.since(self.epoch)
        waited = took.get("training/waiting", 0.0)
        seconds = waited + took.get("training/steps", 0.0)
        if seconds == 0 or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        loss = trainer.callback_metrics.get("train/loss")
        log.info(
            "epoch %d: trained on %d tuples in %.1f s (%.1f tuples/s, %.0f images/s; %.1f s of waiting for images)%s",
            trainer.current_epoch,
            self.tuples,
            seconds,
            self.tuples / seconds,
            self.images / seconds,
            waited,
            "" if loss is None else f", loss {float(loss):.4f}",
        )

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Tell of the last epoch, and of all."""
        self._tell_epoch(trainer, pl_module)
        tell_shares("training", _watch(pl_module).since(self.fit))

    def _tell_epoch(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Say where the time of the epoch went that was counted last, if there was one."""
        if self.number < 0 or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        took = _watch(module).since(self.epoch)
        log.info("epoch %d: %s", self.number, told(took))
        resident = resident_memory()
        if resident is not None:
            log.debug("epoch %d: %s of memory in use", self.number, size(resident))
        values = {f"time/{stage}": seconds for stage, seconds in took.items()}
        for logger in trainer.loggers:
            # Not by the module: metrics.csv holds what the seed fixes, and no time.
            logger.log_metrics({**values, "epoch": self.number}, step=trainer.global_step)


def tell_shares(what: str, seconds: Mapping[str, float], inside: str = "") -> None:
    """Say where the time of a part of the run went.

    Args:
        what: The part.
        seconds: Of its stages; if there are none, nothing is said.
        inside: See `told`.
    """
    if seconds:
        log.info("%s took %.1f s: %s", what, sum(seconds.values()), told(seconds, inside))


def _watch(module: pl.LightningModule) -> Stopwatch:
    return module.watch  # type: ignore[return-value]
