"""The database as the map shows it: areas, metres within them, and no more dots than a browser draws at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from geoloc.earth import areas_of, from_above

CLOUD = 20_000  # dots; photos of one place are one, and where there are more places, these are evenly thinned


class Base:
    """Places of a database on the plane of a map.

    Args:
        xy: (N, A) float64 metres, all in one frame; A is 3 in the frame "earth".

    Attributes:
        areas: (N,) int64, the area of each photo, the one with most photos first; areas are 10 km apart or more.
    """

    def __init__(self, xy: np.ndarray) -> None:
        self.xy = xy
        areas = areas_of(xy)
        number = np.bincount(areas)
        self.areas = np.argsort(np.argsort(-number, kind="stable"), kind="stable")[areas]
        rows = [np.flatnonzero(self.areas == area) for area in range(len(number))]
        self._middles = [xy[own].mean(axis=0) for own in rows]
        self.flat = np.empty((len(xy), 2))
        self._corners = np.zeros((len(rows), 2))
        for area, own in enumerate(rows):
            flat = self._flat(xy[own], area)
            self._corners[area] = flat.min(axis=0)
            self.flat[own] = flat - self._corners[area]

    def __len__(self) -> int:
        return len(self.xy)

    def _flat(self, xy: np.ndarray, area: int) -> np.ndarray:
        return from_above(xy, self._middles[area]) if xy.shape[1] == 3 else xy

    def place(self, row: int) -> list[float]:
        """[area, east, north] of a photo, in metres from the corner of its area."""
        return [int(self.areas[row]), *self.flat[row].round(2).tolist()]

    def place_of(self, xy: np.ndarray, near: int) -> list[float]:
        """The same of any place.

        Args:
            xy: (A,) float64 metres in the frame of the database.
            near: Row of a photo in the same area.
        """
        area = int(self.areas[near])
        return [area, *(self._flat(xy[None], area)[0] - self._corners[area]).round(2).tolist()]

    def drawn(self, north: bool) -> dict[str, Any]:
        """What the page draws.

        Args:
            north: Whether north is up, as it is in all frames but local ones.
        """
        distinct = np.unique(np.column_stack([self.areas, self.flat.round(1)]), axis=0)
        kept = np.linspace(0, len(distinct) - 1, min(CLOUD, len(distinct))).round().astype(np.int64)
        counts = np.bincount(self.areas).tolist()
        return {
            "areas": [f"{area + 1} ({count:,} photos)" for area, count in enumerate(counts)],
            "cloud": [[int(area), east, north_] for area, east, north_ in distinct[kept].tolist()],
            "distinct": len(distinct),
            "north": north,
        }
