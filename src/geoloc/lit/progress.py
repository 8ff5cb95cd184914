"""Bars of training, validation and testing: one look with all other long work, see `geoloc.data.progress`."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ProgressBar

from geoloc.data.progress import Bar
from geoloc.lit.datamodule import PlaceDataModule


class Bars(ProgressBar):
    """Shows how far an epoch's training is, how far all epochs are, and how many images of a domain are described."""

    def __init__(self) -> None:
        super().__init__()
        self.enabled = True
        self.epochs: Bar | None = None
        self.work: Bar | None = None
        self.loss = torch.zeros(())
        self.done = self.tuples = 0
        self.domain = -1

    def disable(self) -> None:
        """Show nothing, as Lightning asks of all processes beside the first one."""
        self.enabled = False

    def enable(self) -> None:
        """The opposite."""
        self.enabled = True

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to count epochs; a bar of one epoch would tell nothing."""
        if (trainer.max_epochs or 0) > 1:
            self.epochs = Bar("epochs", "epochs", self.enabled, told=True)
            self.epochs.advance(trainer.current_epoch, trainer.max_epochs or 0)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the bar of an epoch."""
        self._open(f"epoch {trainer.current_epoch}: training", "tuples")
        self.loss, self.tuples = torch.zeros((), device=pl_module.device), 0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count tuples. The loss stays on its device until a bar is drawn."""
        if self.work is None:  # a validation within the epoch has come between
            self._open(f"epoch {trainer.current_epoch}: training", "tuples")
        assert self.work is not None
        data: PlaceDataModule = trainer.datamodule  # type: ignore[attr-defined]
        self.tuples += batch.shape[0]
        self.loss += outputs["loss"].detach().float() * batch.shape[0]
        batches, share = int(trainer.num_training_batches), -(-len(data.triplets) // trainer.world_size)
        total = min(share, batches * data.train_batch_size)
        loss = f"loss {float(self.loss) / self.tuples:.4f}" if self.work.due(self.tuples, total) else self.work.note
        self.work.advance(self.tuples, total, loss)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the bar of the epoch, and count it."""
        self._close()
        if self.epochs is not None:
            self.epochs.advance(trainer.current_epoch + 1, trainer.max_epochs or 0)

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Count the images of ((B, 3, H, W) images, (B,) rows)."""
        self._described(trainer, "val", dataloader_idx, len(batch[1]))

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """The same of several groups, one of each shape."""
        tested = trainer.datamodule.tested  # type: ignore[attr-defined]
        self._described(trainer, tested, dataloader_idx, sum(len(rows) for _, rows in batch))

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The batches of the epoch have been trained on."""
        self._close()

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """All domains are described."""
        self._close()

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The same."""
        self._close()

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave a clean terminal."""
        self._close_all()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """The same, however it ends."""
        self._close_all()

    def _described(self, trainer: pl.Trainer, stage: str, number: int, images: int) -> None:
        data: PlaceDataModule = trainer.datamodule  # type: ignore[attr-defined]
        domain = data.domains[stage][number]
        if self.work is None or number != self.domain:
            self._open(f"{domain.name}: describing", "images")
            self.domain = number
        assert self.work is not None
        self.done += images
        crops = 1 if trainer.validating or trainer.state.fn == "fit" else data.view.count
        rows = len(domain.database) + crops * len(domain.queries)
        self.work.advance(self.done, max(self.done, -(-rows // trainer.world_size)))

    def _open(self, what: str, unit: str) -> None:
        self._close()
        self.work, self.done = Bar(what, unit, self.enabled, told=True), 0

    def _close(self) -> None:
        if self.work is not None:
            self.work.close()
            self.work = None

    def _close_all(self) -> None:
        self._close()
        if self.epochs is not None:
            self.epochs.close()
            self.epochs = None
