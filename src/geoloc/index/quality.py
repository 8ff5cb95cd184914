"""How much of the exact answer an approximate index finds. A search that costs recall must say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from geoloc.index.exact import Exact
from geoloc.index.index import Index
from geoloc.predictions import Predictions


@dataclass(frozen=True)
class Quality:
    """Agreement with exact search.

    Attributes:
        queries: Queries that were compared.
        k: Neighbours of each that were compared.
        r1: Share of the queries whose nearest database row was found, 0..1.
        rk: Share of the k nearest rows that were found, 0..1, mean over the queries.
    """

    queries: int
    k: int
    r1: float
    rk: float


def recall_against_exact(
    index: Index, database: np.ndarray, queries: np.ndarray, k: int, sample: int = 200, seed: int = 0
) -> Quality:
    """Search a random sample of queries by an index and exactly, and compare.

    Args:
        index: To be judged.
        database: (N, D) float descriptors.
        queries: (Q, D) float descriptors, at least one.
        k: Neighbours wanted.
        sample: Queries compared, at most.
        seed: Of the sample.
    """
    rows = _sample(len(queries), sample, seed)
    found = index.search(database, queries[rows], k).distances
    return _compare(found, Exact().search(database, queries[rows], found.shape[1]).distances)


def recall_of(
    predictions: Predictions, exact: Callable[[np.ndarray, int], Predictions], sample: int = 200, seed: int = 0
) -> Quality:
    """The same of predictions that an index has made of all queries; nothing is built.

    Args:
        predictions: Of the Q queries, at least one, in the order in which they were found.
        exact: (rows, k) -> the k nearest of these of the queries, ascending.
        sample: Queries compared, at most.
        seed: Of the sample.
    """
    rows = _sample(len(predictions), sample, seed)
    k = predictions.ids.shape[1]
    return _compare(predictions.distances[rows], exact(rows, k).distances)


def _sample(queries: int, sample: int, seed: int) -> np.ndarray:
    """(n,) int64 random queries, ascending."""
    if queries < 1 or sample < 1:
        raise ValueError(f"quality of a search: {queries} queries and a sample of {sample} leave nothing to compare")
    return np.sort(np.random.default_rng(seed).choice(queries, min(sample, queries), replace=False))


def _compare(found: np.ndarray, exact: np.ndarray) -> Quality:
    """Of (n, k) distances; of several equally near rows each is as good."""
    return Quality(
        queries=len(found),
        k=found.shape[1],
        r1=float((found[:, 0] <= exact[:, 0]).mean()),
        rk=float((found <= exact[:, -1:]).mean()),
    )
