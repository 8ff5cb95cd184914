"""What every post-processing step gets and returns, and the chain of them.

A step sees candidates, their distances and `Evidence`, never where a query was taken. It returns an order of the
candidates and nothing else, so a list stays a permutation of itself and distances stay with their candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from geoloc.errors import InputError
from geoloc.places import PlaceSet
from geoloc.predictions import Descriptors, Predictions

Need = Literal["descriptors", "photos", "order"]


@dataclass(frozen=True)
class Evidence:
    """What is known of a domain besides its truth.

    Args:
        xy: (N, 2) float64 positions of the database in metres.
        panos: (N,) str, the panorama that each database image was cut from; empty where unknown.
        database: (N, D) float descriptors; None if they were not kept.
        queries: (Q, D) float descriptors; None if they were not kept.
        database_photo: Row -> path of a database image; None if no photo is at hand.
        query_photo: Row -> path of a query, or what else `read` takes; None likewise.
        read: Path -> (H, W, 3) uint8 RGB photo; None if photos cannot be read.
        query_names: (Q,) str, paths of the queries with forward slashes; None if unknown.
        query_times: (Q,) str, when each was taken, as ISO 8601 says it; empty where unknown, None likewise.
    """

    xy: np.ndarray
    panos: np.ndarray
    database: np.ndarray | None = None
    queries: np.ndarray | None = None
    database_photo: Callable[[int], Path] | None = None
    query_photo: Callable[[int], Any] | None = None
    read: Callable[[Any], np.ndarray] | None = None
    query_names: np.ndarray | None = None
    query_times: np.ndarray | None = None

    def select(self, rows: np.ndarray) -> Evidence:
        """The same of some queries ((n,) int64), renumbered in that order."""
        photo = self.query_photo
        return replace(
            self,
            queries=None if self.queries is None else self.queries[rows],
            query_photo=None if photo is None else lambda row: photo(int(rows[row])),
            query_names=None if self.query_names is None else self.query_names[rows],
            query_times=None if self.query_times is None else self.query_times[rows],
        )


def evidence_of(
    database: PlaceSet,
    queries: PlaceSet,
    descriptors: Descriptors | None,
    read: Callable[[Path], np.ndarray] | None = None,
) -> Evidence:
    """What a domain tells the steps.

    Args:
        database: The database images.
        queries: The queries.
        descriptors: Of both; None if they were not kept.
        read: Path -> (H, W, 3) uint8 RGB. Given by the caller, as the image reader belongs to `data`, a sibling.
    """
    assert database.panos is not None
    return Evidence(
        xy=database.xy,
        panos=database.panos,
        database=None if descriptors is None else descriptors.database,
        queries=None if descriptors is None else descriptors.queries,
        database_photo=database.path,
        query_photo=queries.path,
        read=read,
        query_names=queries.names,
        query_times=queries.times,
    )


class Step(Protocol):
    """A post-processing step.

    Attributes:
        needs: What it cannot do without.
        depth: It orders the first so many candidates anew; those after keep their places. None: all; 0: none.
    """

    needs: ClassVar[tuple[Need, ...]]
    depth: int | None

    def __call__(self, candidates: np.ndarray, distances: np.ndarray, evidence: Evidence) -> np.ndarray:
        """Order the candidates.

        Args:
            candidates: (Q, c) int64 database rows, best first; no row twice for a query.
            distances: (Q, c) float32 L2 distances of the descriptors, in the order of `candidates`; ascending unless
                a step before has changed the order.
            evidence: Of the same Q queries.

        Returns:
            (Q, c) int64: column of `candidates` that comes first, second, ... for each query.
        """
        ...


def apply(step: Step, predictions: Predictions, evidence: Evidence) -> Predictions:
    """The predictions in the order of one step; candidates beyond its depth keep their places.

    Raises:
        InputError: The evidence lacks what the step needs.
        ValueError: The step returned no permutation.
    """
    _check_needs(step, evidence)
    k = predictions.ids.shape[1]
    depth = k if step.depth is None else min(step.depth, k)
    if depth == 0:
        return predictions
    head, tail = np.s_[:, :depth], np.s_[:, depth:]
    order = step(predictions.ids[head], predictions.distances[head], evidence)
    if order.shape != predictions.ids[head].shape or (np.sort(order, axis=1) != np.arange(depth)).any():
        raise ValueError(f"{type(step).__name__}: returned no permutation of the candidates")

    def moved(values: np.ndarray) -> np.ndarray:
        return np.concatenate([np.take_along_axis(values[head], order, axis=1), values[tail]], axis=1)

    return Predictions(moved(predictions.ids), moved(predictions.distances), predictions.database_size)


def apply_all(steps: Sequence[Step], predictions: Predictions, evidence: Evidence) -> Predictions:
    """One step after the other."""
    for step in steps:
        predictions = apply(step, predictions, evidence)
    return predictions


def _check_needs(step: Step, evidence: Evidence) -> None:
    name = type(step).__name__
    if "descriptors" in step.needs and (evidence.database is None or evidence.queries is None):
        raise InputError(f"postprocess: {name} needs descriptors; keep_descriptors=true leaves them in a run's folder")
    if "order" in step.needs and (evidence.query_names is None or evidence.query_times is None):
        raise InputError(f"postprocess: {name} needs the names and times of the queries, which are not at hand")
    photos = (evidence.database_photo, evidence.query_photo, evidence.read)
    if "photos" in step.needs and None in photos:
        raise InputError(f"postprocess: {name} needs the photos, which are not at hand")
