"""Describe the images of several domains, search, and score: one store and one result a domain."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch

from geoloc.data.domains import Domain
from geoloc.evaluate.recall import hits_at_n, score
from geoloc.index.exact import Exact
from geoloc.lit.metrics import RecallAtN
from geoloc.lit.store import DescriptorStore
from geoloc.places import Neighbours
from geoloc.predictions import Descriptors, Predictions, Scores


@dataclass(frozen=True)
class Result:
    """What an evaluation leaves of one domain.

    Attributes:
        domain: The domain.
        positives: Its truth.
        predictions: Of all queries.
        scores: Recalls with their counts.
        seconds: Wall time of each stage.
    """

    domain: Domain
    positives: Neighbours
    predictions: Predictions
    scores: Scores
    seconds: dict[str, float]


@dataclass
class _Open:
    """A domain whose images are being described."""

    domain: Domain
    store: DescriptorStore
    seconds: float = 0.0


class Evaluation:
    """Judges domains from descriptors that arrive batch by batch, in one or several processes.

    Args:
        index: Search of the database.
        recall_values: N of Recall@N.
        radius: Metres within which a prediction is correct.
        predictions: Predictions wanted for each query; never fewer than the largest recall value.
        folder: Where descriptors lie meanwhile.
    """

    def __init__(self, index: Exact, recall_values: list[int], radius: float, predictions: int, folder: Path) -> None:
        self.index = index
        self.recall_values = recall_values
        self.radius = radius
        self.k = max(*recall_values, predictions)
        self.folder = folder
        self.open: list[_Open] = []
        self.clock = 0.0

    def attach(self, trainer: pl.Trainer, dim: int) -> None:
        """Say which trainer's domains are judged, by descriptors of `dim` values."""
        self.trainer = trainer
        self.dim = dim

    def start(self, stage: str) -> None:
        """Open a store for each domain of "val" or "test"."""
        self.open = []
        self.clock = time.perf_counter()
        # A sanity check or a development run sees a few images of a domain; such a part is never scored.
        if self.trainer.sanity_checking or self.trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        for domain in self.trainer.datamodule.domains[stage]:  # type: ignore[attr-defined]
            path = self.folder / f"{domain.name}.npy"
            self.open.append(_Open(domain, DescriptorStore.shared(self.trainer.strategy, path, len(domain), self.dim)))

    def take(self, number: int, rows: torch.Tensor, descriptors: torch.Tensor) -> None:
        """Keep (B, D) descriptors of the (B,) rows of domain `number`."""
        if self.open:
            self.open[number].store.write(rows, descriptors)
            now = time.perf_counter()
            self.open[number].seconds += now - self.clock
            self.clock = now

    def finish(self, keep: bool) -> list[Result]:
        """Search and score every open domain; the same on all processes.

        Args:
            keep: Leave the descriptors on disk.
        """
        self.trainer.strategy.barrier("geoloc evaluated")
        results = [self._judge(item) for item in self.open]
        self.trainer.strategy.barrier("geoloc scored")
        if self.trainer.is_global_zero:
            for item in self.open:
                item.store.finish() if keep else item.store.remove()
        self.open = []
        return results

    def _judge(self, item: _Open) -> Result:
        item.store.check()
        start = time.perf_counter()
        descriptors = Descriptors(item.store.vectors, len(item.domain.database))
        own = np.arange(self.trainer.global_rank, len(item.domain.queries), self.trainer.world_size)
        found = self.index.search(descriptors.database, descriptors.queries[own], self.k)
        seconds = {"extract": item.seconds, "search": time.perf_counter() - start}
        positives = item.domain.positives(self.radius)
        metric = RecallAtN(self.recall_values).to(self.trainer.strategy.root_device)
        hits = hits_at_n(found.ids, positives.select(own), self.recall_values)
        metric.update(torch.from_numpy(hits), int((positives.counts[own] > 0).sum()))
        counts = metric.compute()
        scores = score(
            counts["right"].reshape(-1).tolist(),  # a metric of one value comes without its axis
            int(counts["queries"]),
            int(counts["answerable"]),
            self.recall_values,
            len(item.domain.database),
            self.radius,
        )
        return Result(item.domain, positives, self._gather(found, len(positives)), scores, seconds)

    def _gather(self, own: Predictions, queries: int) -> Predictions:
        """Predictions of all processes in the order of the queries; process r holds queries r, r + world, ..."""
        world = self.trainer.world_size
        if world == 1:
            return own
        width = -(-queries // world)
        together = []
        for values in (own.ids, own.distances):
            padded = np.zeros((width, values.shape[1]), values.dtype)
            padded[: len(values)] = values
            tensor = torch.from_numpy(padded).to(self.trainer.strategy.root_device)
            gathered = self.trainer.strategy.all_gather(tensor)  # (world, width, k)
            together.append(gathered.transpose(0, 1).flatten(0, 1)[:queries].cpu().numpy())
        return Predictions(together[0], together[1], own.database_size)
