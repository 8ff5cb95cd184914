"""What an index knows of each photo besides its descriptor: id, file, position, time."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from geoloc.places import PlaceSet

COLUMNS = ("ids", "paths", "zones", "times")


@dataclass(frozen=True)
class Records:
    """Of n photos; row i is that of the same photo in all columns.

    Args:
        ids: (n,) object, str, each once in an index.
        paths: (n,) object, str, absolute.
        zones: (n,) object, str, see `PlaceSet`.
        times: (n,) object, str, ISO 8601 or a beginning of it; empty where unknown.
        xy: (n, 2) float64 metres, each in its own zone.
    """

    ids: np.ndarray
    paths: np.ndarray
    zones: np.ndarray
    times: np.ndarray
    xy: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: np.ndarray) -> Records:
        """Those of `rows` ((m,) int64)."""
        return Records(**{name: getattr(self, name)[rows] for name in (*COLUMNS, "xy")})

    def plain(self) -> dict[str, Any]:
        """Plain values, of which `of_plain` makes the same again, to the last bit."""
        columns = {name: getattr(self, name).tolist() for name in COLUMNS}
        folder = common_folder(columns["paths"])
        columns["paths"] = [path[len(folder) :] for path in columns["paths"]]
        return {"folder": folder, **columns, "east": self.xy[:, 0].tolist(), "north": self.xy[:, 1].tolist()}


def common_folder(paths: Sequence[str]) -> str:
    """The folder that all absolute paths lie in, with the mark that follows it; empty if there is none.

    Example:
        >>> common_folder(["/a/b/c.jpg", "/a/bd.jpg"]), common_folder(["/a/b.jpg"])
        ('/a/', '/a/')
    """
    try:
        folder = os.path.commonpath({os.path.dirname(path) for path in paths})  # noqa: PTH120 - a million of them
    except ValueError:  # of several drives
        return ""
    return folder if folder.endswith(os.sep) else folder + os.sep


def of_plain(content: Mapping[str, Any]) -> Records:
    """The reverse of `Records.plain`.

    Raises:
        ValueError: Columns are missing or of different lengths.
    """
    try:
        folder, columns = content["folder"], {name: content[name] for name in (*COLUMNS, "east", "north")}
    except KeyError as error:
        raise ValueError(f"no column {error}") from None
    if len({len(column) for column in columns.values()}) > 1:
        raise ValueError("columns of different lengths")
    columns["paths"] = [folder + path for path in columns["paths"]]
    xy = np.stack([np.array(columns.pop(axis), np.float64) for axis in ("east", "north")], axis=1)
    return Records(xy=xy, **{name: texts(columns[name]) for name in COLUMNS})


def texts(values: Sequence[str]) -> np.ndarray:
    """(n,) object array of texts: as short as they are, where numpy's own would all be as long as the longest."""
    found = np.empty(len(values), object)
    found[:] = list(values)
    return found


def records_of(places: PlaceSet, prefix: str = "") -> Records:
    """The records of a set of photos; the id of each is its name after `prefix`."""
    root = places.root.absolute()
    return Records(
        ids=texts([f"{prefix}{name}" for name in places.names]),
        paths=texts([os.path.normpath(root / str(name)) for name in places.names]),
        zones=texts([str(zone) for zone in places.zones]),  # type: ignore[union-attr]
        times=texts([str(time) for time in places.times]),  # type: ignore[union-attr]
        xy=places.xy,
    )


def joined(parts: Sequence[Records]) -> Records:
    """Records one after the other."""
    if not parts:
        nothing = texts([])
        return Records(nothing, nothing, nothing, nothing, np.empty((0, 2)))
    return Records(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in (*COLUMNS, "xy")})
