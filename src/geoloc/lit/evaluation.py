"""Describe the images of several domains, search, and score: one store and one result a domain."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytorch_lightning as pl
import torch

from geoloc.data.conditions import by_brightness, measure
from geoloc.data.domains import Domain
from geoloc.data.progress import progress_bar
from geoloc.evaluate.recall import hits_at_n, score
from geoloc.evaluate.slices import score_slices
from geoloc.index.exact import Exact
from geoloc.lit.metrics import RecallAtN
from geoloc.lit.protocol import protocol_of
from geoloc.lit.search import check_view, search
from geoloc.lit.store import DescriptorStore
from geoloc.multiscale.scaling import MultiScale
from geoloc.places import Neighbours
from geoloc.predictions import Descriptors, Predictions, Scores
from geoloc.views.hard_resize import HardResize
from geoloc.views.view import View

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """What an evaluation leaves of one domain.

    Attributes:
        domain: The domain.
        positives: Its truth.
        predictions: Of all queries.
        scores: Recalls with their counts.
        seconds: Wall time of each stage.
        slices: Scores of the queries of each condition; empty if there are no two.
        protocol: Plain values that say how images were shown to the network; see `protocol_of`.
    """

    domain: Domain
    positives: Neighbours
    predictions: Predictions
    scores: Scores
    seconds: dict[str, float]
    slices: dict[str, Scores] = field(default_factory=dict)
    protocol: dict[str, Any] = field(default_factory=dict)


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
        slices: Whence the conditions by which test domains are scored in slices: the "note" (or the table) that came
            with the photos, or besides the "brightness" of the photos where that says nothing; "none": no slices.
    """

    def __init__(
        self,
        index: Exact,
        recall_values: list[int],
        radius: float,
        predictions: int,
        folder: Path,
        slices: Literal["note", "brightness", "none"] = "note",
    ) -> None:
        self.index = index
        self.recall_values = recall_values
        self.radius = radius
        self.k = max(*recall_values, predictions)
        self.folder = folder
        self.slices = slices
        self.stage = ""
        self.view: View = HardResize()
        self.protocol: dict[str, Any] = {}
        self.open: list[_Open] = []
        self.clock = 0.0

    def attach(self, trainer: pl.Trainer, dim: int) -> None:
        """Say which trainer's domains are judged, by descriptors of `dim` values."""
        self.trainer = trainer
        self.dim = dim

    def start(self, stage: str, multiscale: MultiScale | None = None) -> None:
        """Open a store for each domain, with a row for each database image and each crop of a query.

        Args:
            stage: "val" or "test"; the view of the queries is for tests only.
            multiscale: What the network is going to use.
        """
        self.open = []
        self.stage = stage
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        self.view = data.view if stage == "test" else HardResize()
        check_view(self.view)
        self.protocol = protocol_of(data.image_size, self.view, multiscale)
        self.clock = time.perf_counter()
        # A sanity check or a development run sees a few images of a domain; such a part is never scored.
        if self.trainer.sanity_checking or self.trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        for domain in data.domains[stage]:
            path = self.folder / f"{domain.name}.npy"
            rows = len(domain.database) + self.view.count * len(domain.queries)
            self.open.append(_Open(domain, DescriptorStore.shared(self.trainer.strategy, path, rows, self.dim)))

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
        found = search(self.index, self.view, descriptors, own, self.k)
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
        queries = len(positives)
        predictions = Predictions(
            self._gather(found.ids, queries), self._gather(found.distances, queries), found.database_size
        )
        result = Result(item.domain, positives, predictions, scores, seconds, protocol=self.protocol)
        return result if self.stage != "test" or self.slices == "none" else self._slice(result, own)

    def _slice(self, result: Result, own: np.ndarray) -> Result:
        """Add the scores of each condition's queries; `own` ((n,) int64) are the queries of this process."""
        conditions = result.domain.queries.conditions
        assert conditions is not None
        if self.slices == "brightness" and (conditions == "").any():
            start = time.perf_counter()
            conditions = self._measure(result.domain, conditions, own)
            queries = replace(result.domain.queries, conditions=conditions)
            seconds = {**result.seconds, "brightness": time.perf_counter() - start}
            result = replace(result, domain=replace(result.domain, queries=queries), seconds=seconds)
        slices = score_slices(
            hits_at_n(result.predictions.ids, result.positives, self.recall_values),
            result.positives.counts > 0,
            conditions,
            self.recall_values,
            len(result.domain.database),
            self.radius,
        )
        return replace(result, slices=slices)

    def _measure(self, domain: Domain, conditions: np.ndarray, own: np.ndarray) -> np.ndarray:
        """(Q,) str conditions: those that are known, else by the photo's brightness; each process measures its own."""
        unknown = own[conditions[own] == ""]
        values = np.zeros(len(conditions), np.float32)
        with progress_bar(f"{domain.name}: brightness", shown=self.trainer.is_global_zero) as advance:
            values[unknown] = measure([domain.queries.path(int(row)) for row in unknown], advance)
        values = self._gather(values[own, None], len(conditions))[:, 0]
        measured = by_brightness(values)[conditions == ""].tolist()
        log.info(
            "%s: no note or table says the condition of %d of %d queries; by brightness %d are day and %d night",
            domain.name,
            len(measured),
            len(conditions),
            measured.count("day"),
            measured.count("night"),
        )
        return np.where(conditions == "", by_brightness(values), conditions)

    def _gather(self, own: np.ndarray, queries: int) -> np.ndarray:
        """(Q, k) values of all processes in the order of the queries; process r holds queries r, r + world, ..."""
        world = self.trainer.world_size
        if world == 1:
            return own
        padded = np.zeros((-(-queries // world), own.shape[1]), own.dtype)
        padded[: len(own)] = own
        tensor = torch.from_numpy(padded).to(self.trainer.strategy.root_device)
        gathered = self.trainer.strategy.all_gather(tensor)  # (world, width, k)
        return gathered.transpose(0, 1).flatten(0, 1)[:queries].cpu().numpy()
