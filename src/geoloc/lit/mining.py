"""The callback that mines hard tuples before the first epoch and at the end of each one."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from geoloc.data.domains import Domain
from geoloc.data.progress import progress_bar
from geoloc.errors import InputError
from geoloc.lit.dashboard import log_histogram
from geoloc.lit.datamodule import PlaceDataModule
from geoloc.lit.maps import FrozenMaps
from geoloc.lit.store import DescriptorStore
from geoloc.mining.diagnostics import Diagnostics, diagnose
from geoloc.mining.miner import Miner
from geoloc.mining.truth import Truth
from geoloc.modes import eval_mode

log = logging.getLogger(__name__)
SUSPECTS = 5  # negatives that may be false, named in debug.log each time


class MineTriplets(Callback):
    """Choose the tuples of the next epoch.

    Mining happens in `on_fit_start` and `on_train_epoch_end`: Lightning starts the loader's workers before
    `on_train_epoch_start`, so a change made there would reach them an epoch late.

    All processes describe their share of the images into one store and then run the same pure function with the same
    random numbers, which (seed, epoch) fixes; nothing needs to be sent, and a resumed run mines what an uninterrupted
    one mines.

    Args:
        miner: How tuples are chosen.
        seed: Of all random draws.
        folder: Where the descriptors lie while mining goes on.
        maps: Store of the frozen layers' maps; None: images are described as a whole.
    """

    def __init__(self, miner: Miner, seed: int, folder: Path, maps: FrozenMaps | None = None) -> None:
        self.miner = miner
        self.seed = seed
        self.folder = folder
        self.maps = maps
        self.epoch = 0
        self.tuples: np.ndarray | None = None
        self.fingerprint = ""
        self.seconds = 0.0
        self.numbers: dict[str, float] = {}
        self.found: tuple[Diagnostics, float] | None = None  # of the coming epoch, with the seconds that it took

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Refuse settings under which mined tuples would not reach the training step."""
        if stage != "fit":
            return
        if trainer.reload_dataloaders_every_n_epochs != 1:  # type: ignore[attr-defined]
            raise InputError("trainer.reload_dataloaders_every_n_epochs: must be 1, so that each epoch gets its tuples")
        self.miner.check(_data(trainer).truth)
        _describe_counts(self.miner, _data(trainer).truth)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Mine for the first epoch; a resumed run has its tuples already, unless it had come to its planned end."""
        self._same_data(trainer)
        if self.tuples is None:
            self._mine(trainer, pl_module, self.epoch)  # the trainer does not know its epoch yet
        else:
            _data(trainer).triplets.select(self.tuples, self.epoch)

    def _same_data(self, trainer: pl.Trainer) -> None:
        """Rows mean images only as long as the data are the same.

        Raises:
            InputError: The train data have changed since the run was interrupted.
        """
        domain = _data(trainer).train_domain
        assert domain is not None
        now = domain.fingerprint()
        if self.fingerprint not in ("", now):
            raise InputError(f"{domain.name}: the train data have changed since this run was interrupted; start anew")
        self.fingerprint = now

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Refuse a loader whose workers would never see new tuples."""
        loader = trainer.train_dataloader
        if getattr(loader, "persistent_workers", False):
            raise InputError("the train loader has persistent_workers=True: its workers would keep the first tuples")

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log what the tuples of this epoch are like, as `mining/...`."""
        for name, value in self.numbers.items():
            pl_module.log(f"mining/{name}", value, on_step=False, on_epoch=True, batch_size=1)
        if self.found is None:  # the tuples are those of an interrupted run, which has logged the rest
            return
        (diagnostics, seconds), self.found = self.found, None
        for logger in trainer.loggers:
            # Not by the module: metrics.csv holds what the seed fixes, and no time.
            logger.log_metrics({"mining/seconds": seconds, "epoch": trainer.current_epoch}, step=trainer.global_step)
            if len(diagnostics.hardness):
                log_histogram(logger, "mining/hardness", diagnostics.hardness, trainer.current_epoch)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Mine for the next epoch, unless this was the last."""
        following = trainer.current_epoch + 1
        last = trainer.max_epochs not in (None, -1) and following >= (trainer.max_epochs or 0)
        if last or trainer.should_stop:
            self.tuples, self.epoch = None, following
        else:
            self._mine(trainer, pl_module, following)

    def _mine(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int) -> None:
        start = time.perf_counter()
        data = _data(trainer)
        rng = np.random.default_rng([self.seed, epoch])
        plan = self.miner.plan(data.truth, rng)
        assert data.train_domain is not None
        size = len(data.train_domain.database)
        rows = np.concatenate([plan.database, size + data.truth.queries[plan.sampled]])
        store = _describe(trainer, module, rows, self.folder / "mining.npy", self.maps)
        module.watch.book("mining/describing")  # type: ignore[operator, union-attr]
        queries = np.array(store.vectors[rows[len(plan.database) :]])
        if not np.isfinite(queries).all():
            raise RuntimeError(f"epoch {epoch}: descriptors are not finite; training has diverged, lower optimizer.lr")
        mined = self.miner.mine(data.truth, plan, queries, store.vectors[:size], rng)
        diagnostics = diagnose(mined.tuples, store.vectors, size, plan.database, mined.counts)
        trainer.strategy.barrier("geoloc mined")
        if trainer.is_global_zero:
            store.remove()
        if len(mined.tuples) == 0:
            raise InputError("mining: no query has a single negative; radius.negative covers the whole database")
        self.tuples, self.epoch = mined.tuples, epoch
        data.triplets.select(mined.tuples, epoch)
        module.watch.book("mining/choosing")  # type: ignore[operator, union-attr]
        seconds = time.perf_counter() - start
        self.seconds += seconds
        self.numbers, self.found = diagnostics.numbers, (diagnostics, seconds)
        log.info(
            "epoch %d: mined %d tuples from %d images in %.1f s (%.0f images/s)",
            epoch,
            len(mined.tuples),
            len(rows),
            seconds,
            len(rows) / seconds,
        )
        if mined.counts["short_of_negatives"] or mined.counts["without_negatives"]:
            log.warning(
                "epoch %d: %d queries have fewer than %d negatives (repeated), %d have none (left out)",
                epoch,
                mined.counts["short_of_negatives"],
                self.miner.negatives,
                mined.counts["without_negatives"],
            )
        _tell_suspects(data.train_domain, epoch, diagnostics)

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain numbers only, so that the checkpoint can be read safely."""
        remembered = getattr(self.miner, "remembered", None)
        return {
            "epoch": self.epoch,
            "fingerprint": self.fingerprint,
            "numbers": self.numbers,
            "tuples": None if self.tuples is None else torch.from_numpy(self.tuples),
            "remembered": None if remembered is None else torch.from_numpy(remembered),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.epoch, self.fingerprint = state_dict["epoch"], state_dict["fingerprint"]
        self.numbers = state_dict.get("numbers", {})
        self.tuples = None if state_dict["tuples"] is None else state_dict["tuples"].numpy()
        if state_dict["remembered"] is not None:
            self.miner.remembered = state_dict["remembered"].numpy()  # type: ignore[attr-defined]


def _data(trainer: pl.Trainer) -> PlaceDataModule:
    return trainer.datamodule  # type: ignore[attr-defined]


def _tell_suspects(domain: Domain, epoch: int, found: Diagnostics) -> None:
    """Put the names of the nearest suspects into debug.log; a few of them, of different queries, tell the most."""
    _, first = np.unique(found.suspects[:, 0], return_index=True)
    for query, positive, negative in found.suspects[np.sort(first)[:SUSPECTS]]:
        log.debug(
            "epoch %d: negative %s is nearer to query %s than its positive %s",
            epoch,
            domain.database.names[negative],
            domain.queries.names[query],
            domain.database.names[positive],
        )


def _describe_counts(miner: Miner, truth: Truth) -> None:
    """Say when there are fewer queries or database images than asked for."""
    usable, pool = len(truth), getattr(miner, "pool", 0)
    if pool > truth.database_size:
        log.warning("miner.pool=%d, but the database has %d images: all are searched", pool, truth.database_size)
    if usable < miner.queries_per_epoch:
        log.warning(
            "miner.queries_per_epoch=%d, but only %d train queries are usable: an epoch has %d",
            miner.queries_per_epoch,
            usable,
            usable,
        )


def _describe(
    trainer: pl.Trainer, module: Any, rows: np.ndarray, path: Path, maps: FrozenMaps | None
) -> DescriptorStore:
    """Describe the given rows of the train domain, each process its share, and wait for all of them."""
    data = _data(trainer)
    assert data.train_domain is not None
    store = DescriptorStore.shared(trainer.strategy, path, len(data.train_domain), module.net.out_dim)
    mine = rows[trainer.global_rank :: trainer.world_size]
    module.describer.take(module.net)
    described = _as_a_whole(module, data, mine) if maps is None else maps.described(trainer, module, rows, mine)
    # Maps that training steps use are as the trainer's precision makes them; else that is for training alone.
    of_steps = data.triplets.places is not None
    with (
        progress_bar("mining", shown=trainer.progress_bar_callback is not None, told=True) as advance,
        eval_mode(module.net),
        torch.inference_mode(),
        trainer.precision_plugin.forward_context() if of_steps else nullcontext(),
    ):
        done = 0
        for batch_rows, descriptors in described:
            store.write(batch_rows, descriptors)
            done += len(batch_rows)
            advance(done, len(mine))
    trainer.strategy.barrier("geoloc described")
    store.check(rows)
    return store


def _as_a_whole(module: Any, data: PlaceDataModule, rows: np.ndarray) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """((B,) rows, (B, D) descriptors) of the given images of the train domain."""
    assert data.train_domain is not None
    for images, batch_rows in data.photos(data.train_domain, rows):
        yield batch_rows, module.describer(images.to(module.device, non_blocking=True))
