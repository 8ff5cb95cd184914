"""Domains: a database and the queries that are searched in it.

These functions are the `_target_` of the files in `conf/domains`; each returns a `Domain` when its turn comes.
"""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from geoloc.data.demo_city import render_demo_city
from geoloc.data.manifest import Part, read_split
from geoloc.data.progress import progress_bar
from geoloc.data.protocols import BY_RADIUS, Protocol, grouped, listed
from geoloc.data.readers import read_places, refuse_unfinished
from geoloc.earth import from_above
from geoloc.errors import InputError
from geoloc.places import SPLITS, Neighbours, PlaceSet, positives_within, together

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Domain:
    """A database and its queries, in one frame of positions.

    Args:
        name: Letters, digits and underscores, since it becomes part of metric names.
        database: Images that are searched.
        queries: Images to be located.
        protocol: How it is judged.
        part: Of the manifest that lists its photos; None for those of two folders.

    Raises:
        InputError: Positions that cannot be brought into one frame, a group of queries without a database, or panoramas
            to be counted of which nothing is known.
    """

    name: str
    database: PlaceSet
    queries: PlaceSet
    protocol: Protocol = BY_RADIUS
    part: Part | None = None

    def __post_init__(self) -> None:
        database, queries = together(self.database, self.queries)
        by = self.protocol.groups
        database, queries = (replace(side, groups=grouped(side, by)) for side in (database, queries))
        lonely = sorted(set(queries.groups.tolist()) - set(database.groups.tolist()))  # type: ignore[union-attr]
        if lonely:
            raise InputError(
                f"{self.name}: groups={by}, and the queries of {', '.join(lonely[:3])} have no database images"
            )
        if self.protocol.panoramas and np.all(database.panos == ""):
            raise InputError(
                f"{self.name}: its protocol counts one hit a panorama, and no image of {database.root} has a panorama"
                " id (field 7 of a name, or the column pano); panoramas=false counts every image"
            )
        object.__setattr__(self, "database", database)
        object.__setattr__(self, "queries", queries)

    def __len__(self) -> int:
        return len(self.database) + len(self.queries)

    def paths(self) -> list[Path]:
        """Absolute paths of the database, then of the queries: the order of all descriptors of this domain."""
        return [side.path(row) for side in (self.database, self.queries) for row in range(len(side))]

    def path(self, row: int) -> Path:
        """One of `paths`."""
        size = len(self.database)
        return self.database.path(row) if row < size else self.queries.path(row - size)

    def within(self, radius: float) -> Neighbours:
        """Database rows within `radius` metres of each query, in whatever group."""
        return positives_within(self.queries.xy, self.database.xy, radius)

    def positives(self, radius: float) -> Neighbours:
        """Database rows within `radius` metres of each query, and in its group if there are groups."""
        found = self.within(radius)
        if self.protocol.groups == "none":
            return found
        queries, rows = found.pairs()
        assert self.queries.groups is not None
        assert self.database.groups is not None
        return found.keep(self.queries.groups[queries] == self.database.groups[rows])

    def radius_m(self, default: float) -> float:
        """Metres within which a prediction is right: as its protocol says, else `default`."""
        return self.protocol.radius_m(default)

    def groups(self) -> dict[str, np.ndarray]:
        """Group -> (n,) int64 database rows, ascending; one group of all where the protocol knows none."""
        assert self.database.groups is not None
        return {str(group): np.flatnonzero(self.database.groups == group) for group in np.unique(self.database.groups)}

    def smallest_group(self) -> tuple[str, int, bool]:
        """The group with the fewest database images, how many it has, and whether another one has more."""
        sizes = {group: len(rows) for group, rows in self.groups().items()}
        group = min(sizes, key=lambda name: sizes[name])
        return group, sizes[group], max(sizes.values()) > sizes[group]

    def fingerprint(self) -> str:
        """Changes with any name, order, position or file size."""
        digest = hashlib.blake2b(digest_size=16)
        for side in (self.database, self.queries):
            sizes = [side.path(row).stat().st_size for row in range(len(side))]
            digest.update(repr((side.names.tolist(), side.xy.tolist(), sizes)).encode())
        return digest.hexdigest()

    def written(self) -> str:
        """Changes when a photo is written anew, which may leave its size as it was."""
        times = [path.stat().st_mtime_ns for path in self.paths()]
        return hashlib.blake2b(repr(times).encode(), digest_size=16).hexdigest()

    def extent_km(self) -> tuple[float, float]:
        """Width (eastward) and height (northward) of all positions, in km; of several zones, as seen from above."""
        xy = np.concatenate([self.database.xy, self.queries.xy])
        width, height = np.ptp(xy if xy.shape[1] == 2 else from_above(xy), axis=0) / 1000
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
    protocol: Protocol = BY_RADIUS,
) -> Domain:
    """Read one split of a data set in the field's layout, `path/images/<split>/{database,queries}`.

    Args:
        path: Folder of the data set.
        split: "train", "val" or "test".
        queries: Name of the folder of queries (some sets have several, such as `queries_night`).
        name: Name of the domain; by default the last part of `path`.
        coordinates: "utm", or "local" for positions in another metric frame.
        protocol: How it is judged.

    Raises:
        InputError: A folder is missing or empty; the message says which of the layout's parts are there.
    """
    path = Path(path)
    base = path / "images" / split
    if path.is_file():
        raise InputError(f"{path}: is a file, and no data set's folder; a table of photos is read by data=table")
    missing = [f"{base / side}" for side in ("database", queries) if not (base / side).is_dir()]
    if missing:
        there = [f"images/{part}" for part in SPLITS if (path / "images" / part).is_dir()]
        have = f"it has {', '.join(there)}" if there else "it has none of images/{train,val,test}"
        raise InputError(
            f"{' and '.join(missing)}: no such folder (expected {path}/images/{split}/{{database,{queries}}};"
            f" {have if path.is_dir() else f'{path} does not exist'})"
        )
    refuse_unfinished(path)
    name = name or metric_name(path.resolve().name)
    return read_domain(name, base / "database", base / queries, coordinates, protocol)


def read_domain(
    name: str, database: Path, queries: Path, coordinates: Literal["utm", "local"], protocol: Protocol
) -> Domain:
    """Read a domain from its two folders.

    Args:
        name: Of the domain.
        database: Folder of the database.
        queries: Folder of the queries.
        coordinates: See `folder`.
        protocol: How it is judged; it may name some of the queries.
    """
    return _domain(name, read_places(database, coordinates), read_places(queries, coordinates), protocol)


def table(
    path: str | Path,
    split: str = "test",
    name: str | None = None,
    coordinates: Literal["utm", "local"] = "utm",
    protocol: Protocol = BY_RADIUS,
) -> Domain:
    """Read one split of a manifest (`geoloc.data.manifest` says what that is).

    Args:
        path: CSV file.
        split: "train", "val" or "test".
        name: Name of the domain; by default that of the file.
        coordinates: "utm", or "local" for positions in another metric frame.
        protocol: How it is judged.

    Raises:
        InputError: The file is missing, or rows of this split are wrong; the message names their lines.
    """
    path = Path(path)
    database, queries = read_split(path, split, coordinates)
    return _domain(name or metric_name(path.stem), database, queries, protocol, Part(path, split))


def _domain(name: str, database: PlaceSet, queries: PlaceSet, protocol: Protocol, part: Part | None = None) -> Domain:
    """A domain of those queries that its protocol asks."""
    if protocol.query_list is not None:
        queries = listed(queries, protocol.query_list)
    alone = np.count_nonzero(database.panos == "")
    if protocol.panoramas and 0 < alone < len(database):
        log.warning("%s: %d of %d database images have no panorama id; each counts as one", name, alone, len(database))
    return Domain(name, database, queries, protocol, part)


def demo_city(
    path: str | Path,
    split: str,
    queries: str = "queries",
    name: str | None = None,
    seed: int = 0,
    scale: int = 1,
    protocol: Protocol = BY_RADIUS,
) -> Domain:
    """The demo city, rendered into `path` first unless it is there.

    Args:
        path: Folder of the rendered city.
        split: "train", "val" or "test".
        queries: "queries" (by day) or "queries_night".
        name: Name of the domain.
        seed: The city's seed.
        scale: Number of times that the usual number of images is rendered.
        protocol: How it is judged.
    """
    with progress_bar("rendering the demo city") as advance:
        render_demo_city(path, seed=seed, scale=scale, progress=advance)
    return folder(path, split, queries, name, protocol=protocol)
