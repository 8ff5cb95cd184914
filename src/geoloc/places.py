"""A set of images with positions, and the search for the positives of each query.

`PlaceSet` is the first value that travels down the line. It refuses bad content when it is built, so that a wrong
position stops here and not in a recall figure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from scipy.spatial import cKDTree

from geoloc.errors import InputError
from geoloc.frames import one_frame

# Range of Universal Transverse Mercator coordinates in metres. Degrees (at most 180) lie far outside it.
EASTING = (100_000.0, 900_000.0)
NORTHING = (0.0, 10_000_000.0)
SPLITS = ("train", "val", "test")
SIDES = ("database", "queries")
TEXTS = ("zones", "notes", "shots", "panos", "conditions", "groups", "times")  # columns of a set that may be left out
UNKNOWN = "unknown"  # what tables call the condition of an image that has none


@dataclass(frozen=True)
class PlaceSet:
    """Images and where they were taken.

    The order of `names` is *the* order: row i means the same image in every array of every later stage.

    Args:
        root: Folder that `names` are relative to.
        names: (N,) str, paths relative to `root` with forward slashes; no duplicates.
        xy: (N, 2) float64, (easting, northing) in metres; (N, 3) in the frame "earth".
        zones: (N,) str, the UTM zone of each position as "17 north", or "17" where the hemisphere is not said; empty
            where the data does not say.
        notes: (N,) str, free text such as "day" or "night"; empty where the data has none.
        shots: (N,) str, identifies one exposure (panorama id and time stamp); empty where the data has none.
        panos: (N,) str, identifies the panorama that an image was cut from; empty where the data has none.
        conditions: (N,) str, one word such as "day" or "night"; empty where it is unknown.
        groups: (N,) str, such as a city: where a domain's protocol says so, a query is searched in its own group alone.
        times: (N,) str, when each photo was taken, as ISO 8601 says it or a beginning of that; empty where unknown.
        coordinates: "utm" (range is checked), "local" (any metric frame), or "earth" (see `together`).

    Raises:
        InputError: No image, lengths differ, positions not finite or not metres.
    """

    root: Path
    names: np.ndarray
    xy: np.ndarray
    zones: np.ndarray | None = None
    notes: np.ndarray | None = None
    shots: np.ndarray | None = None
    panos: np.ndarray | None = None
    conditions: np.ndarray | None = None
    groups: np.ndarray | None = None
    times: np.ndarray | None = None
    coordinates: Literal["utm", "local", "earth"] = "utm"

    def __post_init__(self) -> None:
        n = len(self.names)
        if n == 0:
            raise InputError(f"{self.root}: no images")
        for field in TEXTS:
            if getattr(self, field) is None:
                object.__setattr__(self, field, np.full(n, ""))
            elif len(getattr(self, field)) != n:
                raise InputError(f"{self.root}: {n} names but {len(getattr(self, field))} {field}")
        axes = 3 if self.coordinates == "earth" else 2
        if self.xy.shape != (n, axes) or self.xy.dtype != np.float64:
            raise InputError(
                f"{self.root}: positions must be ({n}, {axes}) float64, not {self.xy.shape} {self.xy.dtype}"
            )
        if len(np.unique(self.names)) != n:
            raise InputError(f"{self.root}: the same image is listed twice")
        self._check_positions()

    def _check_positions(self) -> None:
        finite = np.isfinite(self.xy).all(axis=1)
        if not finite.all():
            raise InputError(f"{self.root}: {_examples(self.names[~finite])}: position is not a finite number")
        if self.coordinates != "utm":
            return
        east, north = self.xy.T
        bad = (east < EASTING[0]) | (east > EASTING[1]) | (north < NORTHING[0]) | (north > NORTHING[1])
        if not bad.any():
            return
        row = int(np.flatnonzero(bad)[0])
        if (np.abs(self.xy[bad]) <= 180).all():
            why = "looks like latitude and longitude; UTM easting and northing in metres are needed"
        elif EASTING[0] <= north[row] <= EASTING[1] and NORTHING[0] <= east[row] <= NORTHING[1]:
            why = "looks like northing before easting; the easting comes first"
        else:
            why = f"lies outside UTM (easting {EASTING[0]:.0f}-{EASTING[1]:.0f} m, northing 0-{NORTHING[1]:.0f} m)"
        raise InputError(
            f"{self.root}: {_examples(self.names[bad])}: position ({east[row]:g}, {north[row]:g}) {why}"
            " (positions in a local metric frame: coordinates=local)"
        )

    def __len__(self) -> int:
        return len(self.names)

    def path(self, row: int) -> Path:
        """Absolute path of image `row`."""
        return self.root / str(self.names[row])

    def select(self, rows: np.ndarray) -> PlaceSet:
        """The images of `rows` ((M,) int64 or (N,) bool) with all that belongs to them, in that order."""
        return replace(self, **{column: getattr(self, column)[rows] for column in ("names", "xy", *TEXTS)})


def _examples(names: np.ndarray, at_most: int = 3) -> str:
    """'a.jpg, b.jpg and 7 more'."""
    shown = ", ".join(str(name) for name in names[:at_most])
    return shown if len(names) <= at_most else f"{shown} and {len(names) - at_most} more"


def together(database: PlaceSet, queries: PlaceSet) -> tuple[PlaceSet, PlaceSet]:
    """The two sides of a domain in one frame: their UTM zone, or that of `earth.in_one_frame` if there are several.

    Raises:
        InputError: Positions lie in several zones, and of some it is not said in which; or only one side is local.
    """
    sides = (database, queries)
    frames = {side.coordinates for side in sides}
    if frames == {"utm", "local"}:
        local, other = sorted(sides, key=lambda side: side.coordinates)
        raise InputError(
            f"{local.root}: its positions are in a local frame (coordinates=local), and those of {other.root} are"
            " places on the earth; give both in the same way"
        )
    zones = np.concatenate([side.zones for side in sides if side.zones is not None])
    if frames != {"utm"}:
        return sides
    xy, frame = one_frame(np.concatenate([side.xy for side in sides]), zones, database.root)
    if frame == "utm":
        return sides
    return (
        replace(database, xy=xy[: len(database)], coordinates="earth"),
        replace(queries, xy=xy[len(database) :], coordinates="earth"),
    )


@dataclass(frozen=True)
class Neighbours:
    """For each query the database rows within a radius, as one compressed sparse row structure.

    Attributes:
        starts: (Q + 1,) int64; the neighbours of query q are `rows[starts[q]:starts[q + 1]]`.
        rows: (M,) int64 database rows, ascending within a query.

    Example:
        >>> near = Neighbours(np.array([0, 2, 2]), np.array([4, 7]))
        >>> near.of(0).tolist(), near.of(1).tolist(), near.counts.tolist()
        ([4, 7], [], [2, 0])
    """

    starts: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of(self, query: int) -> np.ndarray:
        """(n,) int64 database rows near `query`."""
        return self.rows[self.starts[query] : self.starts[query + 1]]

    @property
    def counts(self) -> np.ndarray:
        """(Q,) number of neighbours of each query."""
        return np.diff(self.starts)

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """All (query, database) pairs as two (M,) int64 arrays."""
        return np.repeat(np.arange(len(self)), self.counts), self.rows

    def select(self, queries: np.ndarray) -> Neighbours:
        """The neighbours of the given queries only, renumbered in that order."""
        return from_lists([self.of(int(q)) for q in queries])

    def keep(self, mask: np.ndarray) -> Neighbours:
        """Drop the pairs where `mask` ((M,) bool, in the order of `pairs`) is False."""
        queries, rows = self.pairs()
        starts = np.concatenate([[0], np.cumsum(np.bincount(queries[mask], minlength=len(self)))])
        return Neighbours(starts, rows[mask])


def from_lists(lists: list[np.ndarray]) -> Neighbours:
    """Build `Neighbours` from one array of database rows a query."""
    starts = np.concatenate([[0], np.cumsum([len(rows) for rows in lists], dtype=np.int64)])
    return Neighbours(starts, np.concatenate([np.empty(0, np.int64), *lists]).astype(np.int64))


def positives_within(queries: np.ndarray, database: np.ndarray, radius: float) -> Neighbours:
    """Database images at most `radius` metres from each query.

    Args:
        queries: (Q, 2) float64, metres.
        database: (N, 2) float64, metres, same frame.
        radius: Metres; an image at exactly this distance counts.

    Example:
        >>> database = np.array([[0.0, 0.0], [25.0, 0.0], [26.0, 0.0]])
        >>> positives_within(np.array([[0.0, 0.0], [99.0, 0.0]]), database, 25).of(0).tolist()
        [0, 1]
    """
    found = cKDTree(database).query_ball_point(queries, radius, workers=-1, return_sorted=True)
    return from_lists([np.asarray(rows, dtype=np.int64) for rows in found])
