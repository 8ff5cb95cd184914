"""Search within groups: an index for the database of each, such as each city, and a query is searched in its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geoloc.index.fitting import fitted, release
from geoloc.index.index import Fitted, Index
from geoloc.predictions import Predictions


@dataclass(frozen=True)
class Grouped:
    """The fitted indexes of all groups.

    Attributes:
        parts: Group -> its (n,) int64 database rows, ascending, and the index of their descriptors.
        size: N, the number of all database rows.
    """

    parts: dict[str, tuple[np.ndarray, Fitted]]
    size: int

    def search(self, queries: np.ndarray, groups: np.ndarray, k: int) -> Predictions:
        """The nearest database rows of each query in its group.

        Args:
            queries: (Q, D) float descriptors.
            groups: (Q,) str.
            k: Neighbours wanted; never more than the smallest group has, so that all queries get equally many.
        """
        k = min(k, *(len(rows) for rows, _ in self.parts.values()))
        ids = np.empty((len(queries), k), np.int64)
        distances = np.empty((len(queries), k), np.float32)
        for group in np.unique(groups):
            rows, index = self.parts[str(group)]
            own = groups == group
            found = index.search(queries[own], k)
            ids[own], distances[own] = rows[found.ids], found.distances
        return Predictions(ids, distances, self.size)

    def release(self) -> None:
        """See `fitting.release`."""
        for _, index in self.parts.values():
            release(index)


def fitted_groups(
    index: Index, database: np.ndarray, groups: Mapping[str, np.ndarray], path: Path | None, model: str, write: bool
) -> Grouped:
    """The indexes of all groups; see `fitted`.

    Args:
        index: Settings.
        database: (N, D) float descriptors.
        groups: Group -> its (n,) int64 database rows.
        path: File of the index if there were one; those of groups get a number before the extension.
        model: Hash of the network that made the descriptors.
        write: Whether this process is the one that writes the files.
    """
    parts = {}
    for number, (group, rows) in enumerate(groups.items()):
        own = None if path is None else path.with_name(f"{path.stem}.{number}{path.suffix}")
        parts[group] = (rows, fitted(index, database[rows], own, model, write))
    return Grouped(parts, len(database))
