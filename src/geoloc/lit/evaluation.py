"""Describe the images of several domains, search, and score: one store and one result a domain."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytorch_lightning as pl
import torch

from geoloc.data.conditions import by_brightness, measure
from geoloc.data.domains import Domain
from geoloc.data.progress import progress_bar
from geoloc.evaluate.recall import hits_at_n, score
from geoloc.index.index import Index
from geoloc.lit.metrics import RecallAtN
from geoloc.lit.pace import tell
from geoloc.lit.protocol import protocol_of
from geoloc.lit.store import DescriptorStore
from geoloc.multiscale.scaling import MultiScale
from geoloc.places import Neighbours
from geoloc.postprocess.chain import Step
from geoloc.predictions import Descriptors, Predictions, Scores
from geoloc.result import Result, complete
from geoloc.search import check_view, evidence, find, fitted_for, one_each
from geoloc.tuning import TuningCase, tune
from geoloc.views.hard_resize import HardResize
from geoloc.views.view import View

log = logging.getLogger(__name__)


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
        radius: Metres within which a prediction is correct, unless a domain's protocol says otherwise.
        predictions: Predictions wanted for each query; never fewer than the largest recall value.
        folder: Where descriptors lie meanwhile.
        slices: Whence the conditions by which test domains are scored in slices: the "note" (or the table) that came
            with the photos, or besides the "brightness" of the photos where that says nothing; "none": no slices.
        steps: Post-processing of what is found on test domains.

    Attributes:
        model: Hash of the network; needed where an index is kept.
        tuned: What the steps chose on the val domains.
    """

    def __init__(
        self,
        index: Index,
        recall_values: list[int],
        radius: float,
        predictions: int,
        folder: Path,
        slices: Literal["note", "brightness", "none"] = "note",
        steps: Sequence[Step] = (),
    ) -> None:
        self.index = index
        self.steps = list(steps)
        self.model = ""
        self.tuned: dict[str, dict[str, float]] = {}
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
            stage: "val", "test", or "tune": the val domains as they would be tested, for the steps to be tuned on.
            multiscale: What the network is going to use.
        """
        self.open = []
        self.stage = stage
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        self.view = HardResize() if stage == "val" else data.view
        check_view(self.view)
        self.protocol = protocol_of(data.image_size, self.view, multiscale)
        self.clock = time.perf_counter()
        # A sanity check or a development run sees a few images of a domain; such a part is never scored.
        if self.trainer.sanity_checking or self.trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        for domain in data.domains["val" if stage == "tune" else stage]:
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

    def finish(self, keep: bool, judged: bool = True) -> list[Result]:
        """Search and score every open domain; the same on all processes.

        Args:
            keep: Leave the descriptors on disk.
            judged: False: nothing is searched, and there is no result.
        """
        self.trainer.strategy.barrier("geoloc evaluated")
        for item in self.open:
            item.store.check()
        results = [self._judge(item, keep) for item in self.open] if judged else []
        for number, item in enumerate(self.open):
            tell(item.domain, len(item.store.vectors), item.seconds, results[number] if judged else None)
        if self.stage == "tune":
            self.tuned = tune(self.steps, [self._case(*pair) for pair in zip(self.open, results, strict=True)])
        self.trainer.strategy.barrier("geoloc scored")
        if self.trainer.is_global_zero:
            for item in self.open:
                item.store.finish() if keep else item.store.remove()
        self.open = []
        return results

    def _judge(self, item: _Open, keep: bool) -> Result:
        domain, queries = item.domain, len(item.domain.queries)
        own = np.arange(self.trainer.global_rank, queries, self.trainer.world_size)
        start = time.perf_counter()
        descriptors = Descriptors(item.store.vectors, len(domain.database))
        path = item.store.path.with_suffix(f".{self.index.name}") if keep else None
        index = fitted_for(domain, self.index, descriptors.database, path, self.model, self.trainer.is_global_zero)
        seconds = {"extract": item.seconds}
        if self.index.approximate:
            seconds["index"] = time.perf_counter() - start
        steps = self.steps if self.stage == "test" else []
        shown = self.trainer.is_global_zero
        found = find(domain, descriptors, own, self.index, index, self.view, steps, self.k, shown)
        radius = domain.radius_m(self.radius)
        positives = domain.positives(radius)
        result = Result(
            domain,
            positives,
            self._gathered(found.final, queries),
            self._score(found.final, positives, own, radius),
            seconds | found.seconds,
            raw=self._gathered(found.raw, queries) if steps else None,
            raw_scores=self._score(found.raw, positives, own, radius) if steps else None,
            index={} if found.quality is None else asdict(found.quality),
            protocol=self.protocol,
        )
        if self.stage != "test":
            return result
        sliced = self.slices != "none"
        return complete(self._conditions(result, own) if sliced else result, self.recall_values, sliced)

    def _score(self, found: Predictions, positives: Neighbours, own: np.ndarray, radius: float) -> Scores:
        """Recalls over the queries of all processes, from the predictions of this one's."""
        metric = RecallAtN(self.recall_values).to(self.trainer.strategy.root_device)
        hits = hits_at_n(found.ids, positives.select(own), self.recall_values)
        metric.update(torch.from_numpy(hits), int((positives.counts[own] > 0).sum()))
        counts = metric.compute()
        return score(
            counts["right"].reshape(-1).tolist(),  # a metric of one value comes without its axis
            int(counts["queries"]),
            int(counts["answerable"]),
            self.recall_values,
            found.database_size,
            radius,
        )

    def _case(self, item: _Open, result: Result) -> TuningCase:
        domain, own = item.domain, np.arange(len(item.domain.queries))
        descriptors = Descriptors(item.store.vectors, len(domain.database))
        vectors = one_each(self.view, descriptors.queries, own)
        known = evidence(domain, own, descriptors.database, vectors)
        return TuningCase(domain.name, result.predictions, known, result.positives)

    def _conditions(self, result: Result, own: np.ndarray) -> Result:
        """The result with conditions measured where they are unknown and wanted.

        Args:
            result: Of a domain.
            own: (n,) int64 queries of this process.
        """
        conditions = result.domain.queries.conditions
        assert conditions is not None
        if self.slices != "brightness" or (conditions != "").all():
            return result
        start = time.perf_counter()
        conditions = self._measure(result.domain, conditions, own)
        queries = replace(result.domain.queries, conditions=conditions)
        seconds = {**result.seconds, "brightness": time.perf_counter() - start}
        return replace(result, domain=replace(result.domain, queries=queries), seconds=seconds)

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

    def _gathered(self, found: Predictions, queries: int) -> Predictions:
        """The predictions of all processes."""
        return Predictions(
            self._gather(found.ids, queries), self._gather(found.distances, queries), found.database_size
        )

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
