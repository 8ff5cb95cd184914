"""Best and last checkpoint of a run, how they are written, when training stops, and metrics.csv."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint
from pytorch_lightning.plugins import TorchCheckpointIO


class Checkpoint(ModelCheckpoint):
    """A ModelCheckpoint that tells how long it takes, and whose folder may be moved between interruption and resume.

    Lightning forgets the best score if the folder has another name than before; the file beside it still counts.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back the state, with all paths turned to the present folder."""
        moved = dict(state_dict)
        folder = Path(str(self.dirpath))
        moved["dirpath"] = str(folder)
        for key in ("best_model_path", "kth_best_model_path", "last_model_path"):
            if moved.get(key):
                moved[key] = str(folder / Path(moved[key]).name)
        moved["best_k_models"] = {
            str(folder / Path(path).name): value for path, value in moved.get("best_k_models", {}).items()
        }
        super().load_state_dict(moved)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write what is to be written, and book the time."""
        super().on_train_epoch_end(trainer, pl_module)
        pl_module.watch.book("checkpoints")  # type: ignore[operator, union-attr]


def best_checkpoint(folder: Path, monitor: str) -> Checkpoint:
    """Keeps `best.ckpt`: the first epoch with the highest validation recall.

    Args:
        folder: Of the checkpoints.
        monitor: Name of the metric, such as "val/R5_mean".
    """
    return Checkpoint(
        folder,
        "best",
        monitor=monitor,
        mode="max",
        save_on_train_epoch_end=True,
        enable_version_counter=False,
        auto_insert_metric_name=False,
    )


def last_checkpoint(folder: Path) -> Checkpoint:
    """Keeps `last.ckpt`, written at the end of every epoch, after the next epoch's tuples have been mined."""
    return Checkpoint(
        folder, "last", monitor=None, save_top_k=1, save_on_train_epoch_end=True, enable_version_counter=False
    )


class Patience(EarlyStopping):
    """Early stopping whose patience is what the config says today, also in a resumed run."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back how long nothing has improved."""
        patience = self.patience
        super().load_state_dict(state_dict)
        self.patience = patience


class AtomicFiles(TorchCheckpointIO):
    """Writes a checkpoint beside its place and then renames it, so that a full disk or a kill spoils no good file."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write one checkpoint."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        try:
            torch.save(checkpoint, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


class EpochTable(Callback):
    """Writes `metrics.csv`: one row an epoch with all that was logged; a resumed run continues the table.

    Args:
        path: Of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add this epoch's row."""
        if not trainer.is_global_zero or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        values = {
            name: f"{float(value):.6g}"
            for name, value in trainer.callback_metrics.items()
            if name.startswith(("train/", "mining/")) or self._validated(trainer)
        }
        row = {"epoch": str(trainer.current_epoch), "step": str(trainer.global_step), **values}
        rows = [old for old in self._read() if int(old["epoch"]) < trainer.current_epoch] + [row]
        names = list(dict.fromkeys(name for each in rows for name in each))
        part = self.path.with_suffix(".part")
        with part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names, restval="")
            writer.writeheader()
            writer.writerows(rows)
        part.replace(self.path)

    def _validated(self, trainer: pl.Trainer) -> bool:
        """Whether this epoch had a validation; otherwise Lightning still reports the last one's values."""
        every = trainer.check_val_every_n_epoch or 1
        return (trainer.current_epoch + 1) % every == 0

    def _read(self) -> list[dict[str, str]]:
        if not self.path.is_file():
            return []
        with self.path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
