"""Says after each epoch how fast it was, and how much of its time went into waiting for images."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from geoloc.data.domains import Domain
from geoloc.result import Result

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
    """Counts tuples, images and seconds of each epoch's training; mining and validation count for themselves."""

    def __init__(self) -> None:
        self.start = self.ready = 0.0
        self.waited = self.seconds = 0.0
        self.tuples = self.images = 0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self.start = self.ready = time.perf_counter()
        self.waited = self.seconds = 0.0
        self.tuples = self.images = 0

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """The batch has come."""
        self.waited += time.perf_counter() - self.ready

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """The next batch is waited for."""
        self.tuples += batch.shape[0] * trainer.world_size
        self.images += batch.shape[0] * batch.shape[1] * trainer.world_size
        self.ready = time.perf_counter()
        self.seconds = self.ready - self.start

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Say it."""
        if self.seconds == 0 or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        loss = trainer.callback_metrics.get("train/loss")
        log.info(
            "epoch %d: trained on %d tuples in %.1f s (%.1f tuples/s, %.0f images/s; %.1f s of waiting for images)%s",
            trainer.current_epoch,
            self.tuples,
            self.seconds,
            self.tuples / self.seconds,
            self.images / self.seconds,
            self.waited,
            "" if loss is None else f", loss {float(loss):.4f}",
        )
