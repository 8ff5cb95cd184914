"""Describe the images of several domains, search, and score: one store and one result a domain."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytorch_lightning as pl
import torch

from geoloc.data.domains import Domain
from geoloc.errors import InputError
from geoloc.evaluate.recall import hits_at_n, score
from geoloc.index.exact import Exact
from geoloc.index.fitting import release
from geoloc.index.index import Index
from geoloc.lit.brightness import with_conditions
from geoloc.lit.cases import case_of
from geoloc.lit.gather import gathered
from geoloc.lit.leftover import left_of, stamp_of
from geoloc.lit.metrics import RecallAtN
from geoloc.lit.pace import tell
from geoloc.lit.protocol import protocol_of
from geoloc.lit.store import DescriptorStore
from geoloc.multiscale.scaling import MultiScale
from geoloc.places import Neighbours
from geoloc.postprocess.chain import Step
from geoloc.predictions import Descriptors, Predictions, Scores
from geoloc.result import Result, complete
from geoloc.search import check_view, find, fitted_for
from geoloc.tuning import ordered, tune
from geoloc.views.hard_resize import HardResize
from geoloc.views.view import View

log = logging.getLogger(__name__)


@dataclass
class _Open:
    """A domain whose images are being described; `left` of its rows were not when this began."""

    domain: Domain
    store: DescriptorStore
    left: int = 0
    seconds: float = 0.0


class Evaluation:
    """Judges domains from descriptors that arrive batch by batch, in one or several processes.

    Args:
        index: Search of the database in a test.
        recall_values: N of Recall@N.
        radius: Metres within which a prediction is correct, unless a domain's protocol says otherwise.
        predictions: Predictions wanted for each query; never fewer than the largest recall value.
        folder: Where descriptors lie meanwhile.
        slices: Whence the conditions by which test domains are scored in slices: the "note" (or the table) that came
            with the photos, or besides the "brightness" of the photos where that says nothing; "none": no slices.
        steps: Post-processing of what is found on test domains.
        dtype: In which descriptors lie on the disk, "float32" or "float16".
        extraction: How test images are asked to be described: plain values that a store of descriptors is stamped with.

    Attributes:
        model: Hash of the network.
        tuned: What the steps chose on the val domains.
        calibrating: Whether val domains are described as a test describes, so that a calibration is fitted on them.
        ordered: Of each of these the predictions in the final order.
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
        dtype: str = "float32",
        extraction: Mapping[str, Any] | None = None,
    ) -> None:
        self.index = index
        self.steps = list(steps)
        self.model = ""
        self.tuned: dict[str, dict[str, float]] = {}
        self.calibrating = False
        self.ordered: dict[str, Predictions] = {}
        self.recall_values = recall_values
        self.radius = radius
        self.k = max(*recall_values, predictions)
        self.folder = folder
        self.slices = slices
        self.dtype = dtype
        self.extraction = dict(extraction or {})
        self.stage = ""
        self.stamps: dict[str, dict[str, Any]] = {}
        self.view: View = HardResize()
        self.protocol: dict[str, Any] = {}
        self.open: list[_Open] = []
        self.clock = 0.0

    def attach(self, trainer: pl.Trainer, dim: int) -> None:
        """Say which trainer's domains are judged, by descriptors of `dim` values.

        Raises:
            InputError: There are several processes, and the index is for one.
        """
        if trainer.world_size > 1 and getattr(self.index, "one_process", False):
            raise InputError(
                f"index={self.index.name}: is filled by one process, and there are {trainer.world_size}; use"
                " trainer.devices=1, or keep_descriptors=true index=exact and task=search run=RUN"
                f" index={self.index.name} afterwards"
            )
        self.trainer = trainer
        self.dim = dim

    def plan(self, stage: str, multiscale: MultiScale | None = None) -> None:
        """Say what is going to be described, before loaders are made: photos that a killed run has described are not.

        Args:
            stage: "val", "test", or "tune": the val domains as they would be tested, for the steps to be tuned on.
            multiscale: What the network is going to use.
        """
        self.stage = stage
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        self.view = HardResize() if stage == "val" else data.view
        check_view(self.view)
        self.protocol = protocol_of(data.image_size, self.view, multiscale, data.decode)
        domains = [] if stage == "val" else data.domains["val" if stage == "tune" else stage]
        asked = {**self.extraction, "dtype": self.dtype, **self.protocol}
        first = domains[0].fingerprint() if domains else ""  # asked once: it looks at every photo
        self.stamps = {each.name: stamp_of(each, first, self.model, self.trainer, asked) for each in domains}
        data.left = {
            each.name: left_of(each, self._path(each), self.stamps[each.name], self.view.count, self.trainer.world_size)
            for each in domains
        }

    def _path(self, domain: Domain) -> Path:
        return self.folder / f"{domain.name}.npy"

    def start(self) -> None:
        """Open a store for each domain, with a row for each database image and each crop of a query."""
        self.open = []
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        self.clock = time.perf_counter()
        # A sanity check or a development run sees a few images of a domain; such a part is never scored.
        if self.trainer.sanity_checking or self.trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        for domain in data.domains["val" if self.stage == "tune" else self.stage]:
            rows = len(domain.database) + self.view.count * len(domain.queries)
            stamp = self.stamps.get(domain.name)
            store = DescriptorStore.shared(self.trainer.strategy, self._path(domain), rows, self.dim, self.dtype, stamp)
            self.open.append(_Open(domain, store, int((~store.written).sum())))

    def take(self, number: int, rows: torch.Tensor, descriptors: torch.Tensor) -> None:
        """Keep (B, D) descriptors of the (B,) rows of domain `number`."""
        if self.open:
            self.open[number].store.write(rows, descriptors)
            now = time.perf_counter()
            self.open[number].seconds += now - self.clock
            self.clock = now

    def finish(self, keep: bool, extraction: dict[str, Any], judged: bool = True) -> list[Result]:
        """Search and score every open domain; the same on all processes. `close` ends it.

        Args:
            keep: Leave the descriptors on disk in the end.
            extraction: Plain values that say how images were described.
            judged: False: nothing is searched, and there is no result.
        """
        self.protocol["extraction"] = extraction
        self.trainer.strategy.barrier("geoloc evaluated")
        for item in self.open:
            item.store.check()
        results = [self._judge(item, keep) for item in self.open] if judged else []
        for number, item in enumerate(self.open):
            tell(item.domain, item.left, item.seconds, results[number] if judged else None)
        if self.stage == "tune":
            stores = {item.domain.name: item.store.vectors for item in self.open}
            cases = [case_of(result, stores[result.domain.name], self.view) for result in results]
            self.tuned = tune(self.steps, cases)
            self.ordered = ordered(self.steps, cases) if self.calibrating else {}
        self.trainer.strategy.barrier("geoloc scored")
        return results

    def close(self, keep: bool) -> None:
        """Let go of the descriptors; of a test only when its results are written, or a kill before would lose them.

        Args:
            keep: Leave them on disk.
        """
        if self.trainer.is_global_zero:
            for item in self.open:
                item.store.finish() if keep else item.store.remove()
        self.open = []

    def _judge(self, item: _Open, keep: bool) -> Result:
        domain, queries = item.domain, len(item.domain.queries)
        own = np.arange(self.trainer.global_rank, queries, self.trainer.world_size)
        start = time.perf_counter()
        descriptors = Descriptors(item.store.vectors, len(domain.database))
        how = Exact() if self.stage == "val" else self.index  # what is missed is not to choose the checkpoint
        path = item.store.path.with_suffix(f".{how.name}") if keep else None
        index = fitted_for(domain, how, descriptors.database, path, self.model, self.trainer.is_global_zero)
        seconds = {"extract": item.seconds}
        if how.approximate:
            seconds["index"] = time.perf_counter() - start
        steps, shown = self.steps if self.stage == "test" else [], self.trainer.is_global_zero
        found = find(domain, descriptors, own, how, index, self.view, steps, self.k, shown)
        release(index)
        radius = domain.radius_m(self.radius)
        positives = domain.positives(radius)
        result = Result(
            domain,
            positives,
            gathered(self.trainer.strategy, found.final, queries),
            self._score(found.final, positives, own, radius),
            seconds | found.seconds,
            raw=gathered(self.trainer.strategy, found.raw, queries) if steps else None,
            raw_scores=self._score(found.raw, positives, own, radius) if steps else None,
            index={} if found.quality is None else asdict(found.quality),
            protocol=self.protocol,
        )
        if self.stage != "test":
            return result
        if self.slices == "brightness":
            result = with_conditions(result, self.trainer.strategy, own)
        return complete(result, self.recall_values, self.slices != "none")

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
