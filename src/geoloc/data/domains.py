"""Domains: a database and the queries that are searched in it.

These functions are the `_target_` of the files in `conf/domains`; each returns a `Domain` when its turn comes.
"""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from geoloc.data.demo_city import render_demo_city
from geoloc.data.progress import progress_bar
from geoloc.data.readers import read_places
from geoloc.errors import InputError
from geoloc.places import Neighbours, PlaceSet, positives_within, same_zone

log = logging.getLogger(__name__)
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Domain:
    """A database and its queries, in one frame of positions.

    Args:
        name: Letters, digits and underscores, since it becomes part of metric names.
        database: Images that are searched.
        queries: Images to be located.

    Raises:
        InputError: The two sides lie in different UTM zones.
    """

    name: str
    database: PlaceSet
    queries: PlaceSet

    def __post_init__(self) -> None:
        zones = (self.database.zone, self.queries.zone)
        if not same_zone(*zones):
            raise InputError(
                f"{self.name}: database and queries lie in different UTM zones ({zones[0]} and {zones[1]})"
            )

    def __len__(self) -> int:
        return len(self.database) + len(self.queries)

    def paths(self) -> list[Path]:
        """Absolute paths of the database, then of the queries: the order of all descriptors of this domain."""
        return [side.path(row) for side in (self.database, self.queries) for row in range(len(side))]

    def positives(self, radius: float) -> Neighbours:
        """Database rows within `radius` metres of each query."""
        return positives_within(self.queries.xy, self.database.xy, radius)

    def fingerprint(self) -> str:
        """Changes with any name, order, position or file size."""
        digest = hashlib.blake2b(digest_size=16)
        for side in (self.database, self.queries):
            sizes = [side.path(row).stat().st_size for row in range(len(side))]
            digest.update(repr((side.names.tolist(), side.xy.tolist(), sizes)).encode())
        return digest.hexdigest()

    def extent_km(self) -> tuple[float, float]:
        """Width and height of the area that all positions span, in km."""
        xy = np.concatenate([self.database.xy, self.queries.xy])
        width, height = np.ptp(xy, axis=0) / 1000
        return float(width), float(height)


def metric_name(text: str) -> str:
    """A name fit for metrics and files.

    Example:
        >>> metric_name("gardens-point thumbs"), metric_name("24/7")
        ('gardens_point_thumbs', '_24_7')
    """
    name = re.sub(r"\W+", "_", text, flags=re.ASCII)
    return f"_{name}" if not re.match("[A-Za-z_]", name) else name


def folder(
    path: str | Path,
    split: str = "test",
    queries: str = "queries",
    name: str | None = None,
    coordinates: Literal["utm", "local"] = "utm",
) -> Domain:
    """Read one split of a data set in the field's layout, `path/images/<split>/{database,queries}`.

    Args:
        path: Folder of the data set.
        split: "train", "val" or "test".
        queries: Name of the folder of queries (some sets have several, such as `queries_night`).
        name: Name of the domain; by default the last part of `path`.
        coordinates: "utm", or "local" for positions in another metric frame.

    Raises:
        InputError: A folder is missing or empty; the message says which of the layout's parts are there.
    """
    path = Path(path)
    base = path / "images" / split
    missing = [f"{base / side}" for side in ("database", queries) if not (base / side).is_dir()]
    if missing:
        there = [f"images/{part}" for part in SPLITS if (path / "images" / part).is_dir()]
        have = f"it has {', '.join(there)}" if there else "it has none of images/{train,val,test}"
        raise InputError(
            f"{' and '.join(missing)}: no such folder (expected {path}/images/{split}/{{database,{queries}}};"
            f" {have if path.is_dir() else f'{path} does not exist'})"
        )
    database = read_places(base / "database", coordinates)
    return Domain(
        name=name or metric_name(path.resolve().name),
        database=database,
        queries=read_places(base / queries, coordinates, zone=database.zone),
    )


def has_split(path: str | Path, split: str) -> bool:
    """Whether a data set's folder holds images of this split."""
    return (Path(path) / "images" / split).is_dir()


def demo_city(
    path: str | Path, split: str, queries: str = "queries", name: str | None = None, seed: int = 0, scale: int = 1
) -> Domain:
    """The demo city, rendered into `path` first unless it is there.

    Args:
        path: Folder of the rendered city.
        split: "train", "val" or "test".
        queries: "queries" (by day) or "queries_night".
        name: Name of the domain.
        seed: The city's seed.
        scale: Number of times that the usual number of images is rendered.
    """
    with progress_bar("rendering the demo city") as advance:
        render_demo_city(path, seed=seed, scale=scale, progress=advance)
    return folder(path, split, queries, name)
