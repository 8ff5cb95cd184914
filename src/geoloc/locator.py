"""From photos to where they were taken: describe, search an index, vote, say how sure that is. No Lightning."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from geoloc.answers import Answers
from geoloc.data.pixels import Photo, photos_of, whole
from geoloc.data.positions_said import times_said
from geoloc.errors import InputError
from geoloc.extraction.describer import Describer
from geoloc.extraction.precision import Precision
from geoloc.index.exact import Exact
from geoloc.index.index import Fitted
from geoloc.index.index import Index as Engine
from geoloc.locate.calibration import Calibration
from geoloc.locate.signals import signals
from geoloc.locate.vote import VOTERS, vote
from geoloc.net import DescriptorNet
from geoloc.place_index.agreement import check_network
from geoloc.place_index.index import Index
from geoloc.postprocess.chain import Evidence, Step, apply_all
from geoloc.postprocess.panoramas import Panoramas
from geoloc.predictions import Predictions
from geoloc.queries import Describing, describe_queries
from geoloc.search import check_chain, choice_of, one_each
from geoloc.tuning import tunable
from geoloc.views.view import Merges

RADIUS = 25.0  # metres; what counts as one place where no calibration says it


class Locator:
    """Tells where photos were taken.

    Args:
        net: Describes the photos.
        index: Of photos whose positions are known, described by the same network.
        calibration: Turns what a vote looks like into a confidence; None: answers have none.
        steps: Post-processing of the candidates, in this order.
        k: Candidates of each photo; of more than 20 the first 20 vote.
        precision: Share of right answers for which the threshold is chosen, below which a place counts as unknown.
        device: Where the network works; None: where it is.
        radius: Metres; what counts as one place. A calibration says it itself.
        engine: Way of searching; None: exactly. What an approximate one builds is kept beside a saved index.
        describing: How photos are described.

    Attributes:
        threshold: See `Answers`.

    Raises:
        InputError: The index is another network's, or these parts do not go together.
    """

    def __init__(
        self,
        net: DescriptorNet,
        index: Index,
        calibration: Calibration | None = None,
        steps: Sequence[Step] = (),
        k: int = 20,
        precision: float = 0.9,
        device: str | torch.device | None = None,
        *,
        radius: float = RADIUS,
        engine: Engine | None = None,
        describing: Describing | None = None,
    ) -> None:
        check_network(index.contents, net)
        self.how = describing or Describing()
        check_chain(self.how.view, steps)
        check_steps(steps)
        if device is not None:
            net.to(device)
        self.net = net.eval()
        self.index = index
        self.calibration = calibration
        self.steps = list(steps)
        facts = {} if calibration is None else calibration.fitted_on
        self.radius = float(facts.get("radius_m", radius))
        self.k, self.voters = k, min(k, VOTERS, len(index))
        self.precision = precision
        self.threshold = None if calibration is None else calibration.threshold(precision)
        self.describer = Describer(_precision(self.how, index))
        self.describer.take(net)
        self.engine = engine or Exact()

    @cached_property
    def built(self) -> Fitted:
        """What is searched.

        Made when it is first asked for: an engine in a process of its own minds if loader processes are forked later.
        """
        return self.index.fitted(self.engine)

    def locate(self, photos: Photo | Sequence[Photo], *, without: Sequence[int] | None = None) -> Answers:
        """Tell where photos were taken.

        Args:
            photos: Paths, PIL images or (H, W, 3) uint8 RGB arrays.
            without: See `answer`.

        Raises:
            InputError: One cannot be read; names it.
        """
        listed = photos_of(photos)
        vectors, unreadable = self.describe(listed)
        if unreadable:
            raise InputError(*unreadable.values())
        names = [name_of(photo, number) for number, photo in enumerate(listed)]
        return self.answer(vectors, listed, names, without=without)

    def describe(self, photos: Sequence[Photo]) -> tuple[np.ndarray, dict[int, str]]:
        """(Q * V, D) descriptors of all crops, and why some photos cannot be read; see `describe_queries`."""
        return describe_queries(self.net, photos, self.how, self.describer)

    def answer(
        self,
        vectors: np.ndarray,
        photos: Sequence[Photo],
        names: Sequence[str],
        *,
        without: Sequence[int] | None = None,
    ) -> Answers:
        """Tell where photos were taken that have been described.

        Args:
            vectors: (Q * V, D) float descriptors of their crops, none of them NaN.
            photos: The Q photos, by which some steps compare candidates.
            names: What they are called.
            without: One row of the index a photo that is not to be among its candidates, as that of the photo itself.
        """
        found = self._found(vectors, photos, names, without)
        xy, ids, distances = self.index.xy, found.ids[:, : self.voters], found.distances[:, : self.voters]
        votes = vote(xy[ids], distances, self.radius)
        nothing = np.full(len(photos), np.nan)
        confidence, error, known = nothing, nothing, np.ones(len(photos), bool)
        if self.calibration is not None:
            confidence = self.calibration.confidence(signals(votes, xy[ids], distances, self.radius))
            error = self.calibration.expected_error(confidence)
            known = confidence >= (np.inf if self.threshold is None else self.threshold)
        utm, zones = metres_of(self.index, votes.xy)
        return Answers(
            names=list(names),
            xy=votes.xy,
            latlon=self.index.frame.latlon(votes.xy),
            utm=utm,
            zones=zones,
            support=votes.support,
            spread=votes.spread,
            confidence=confidence,
            expected_error=error,
            known=known,
            predictions=found,
            threshold=self.threshold,
        )

    def _found(
        self, vectors: np.ndarray, photos: Sequence[Photo], names: Sequence[str], without: Sequence[int] | None
    ) -> Predictions:
        """The candidates of each photo in their final order."""
        view, own = self.how.view, np.arange(len(photos))
        single = one_each(view, vectors, own)
        found = self.built.search(vectors if single is None else single, self.k + (without is not None))
        if single is None:
            assert isinstance(view, Merges)
            shape = (len(own), view.count, found.ids.shape[1])
            merged = view.merge(found.ids.reshape(shape), found.distances.reshape(shape), shape[2])
            found = Predictions(*merged, found.database_size)
        if without is not None:
            found = dropped(found, np.asarray(without))
        return apply_all(self.steps, found, self._evidence(single, photos, names)) if self.steps else found

    def _evidence(self, vectors: np.ndarray | None, photos: Sequence[Photo], names: Sequence[str]) -> Evidence:
        ordered = any("order" in step.needs for step in self.steps)
        return Evidence(
            xy=self.index.xy,
            panos=np.full(len(self.index), ""),
            database=self.index.database,  # type: ignore[arg-type]
            queries=vectors,
            database_photo=lambda row: Path(self.index.paths[row]),
            query_photo=lambda row: photos[row],
            read=lambda photo: whole(photo).movedim(0, -1).numpy(),
            query_names=np.array(names),
            query_times=times_said(photos) if ordered else None,
        )


def check_steps(steps: Sequence[Step]) -> None:
    """Refuse steps that need what an index does not have.

    Raises:
        InputError: Names the first such step.
    """
    for step in steps:
        if isinstance(step, Panoramas):
            raise InputError("postprocess: panoramas needs panorama ids, which an index does not keep; leave it out")
        if tunable([step]):
            raise InputError(
                f"postprocess: {choice_of(step)} is tuned on val domains, and there are none here; give it a number"
            )


def _precision(how: Describing, index: Index) -> Precision:
    """That of the index where it is float32, so that nothing else is tried; else as asked for."""
    used = {segment.facts.get("precision") for segment in index.contents.segments}
    return "float32" if how.precision == "auto" and used == {"float32"} else how.precision


def dropped(found: Predictions, rows: np.ndarray) -> Predictions:
    """Candidates without one of each query, or without the last one where that is not among them.

    Args:
        found: (Q, k + 1) candidates.
        rows: (Q,) int64 database rows.
    """
    others = found.ids != rows[:, None]
    others[others.all(axis=1), -1] = False
    shape = (len(found), found.ids.shape[1] - 1)
    ids, distances = (values[others].reshape(shape) for values in (found.ids, found.distances))
    return Predictions(ids, distances, found.database_size)


def metres_of(index: Index, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places in the frame of an index as people read metres: in UTM, or as they are in a local frame.

    Args:
        index: Whose frame it is.
        xy: (n, A) float64 metres.

    Returns:
        (n, 2) float64 metres, and (n,) str UTM zones; empty where there is none, or not known.
    """
    return (xy, np.full(len(xy), "")) if index.coordinates == "local" else index.frame.utm(xy)


def name_of(photo: Photo, number: int) -> str:
    """What a photo is called: by its file, else by its number, from 1."""
    return str(photo) if isinstance(photo, str | os.PathLike) else f"photo {number + 1}"
