"""What a domain's published protocol fixes besides its photos: what is right, who is asked, where is searched."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np

from geoloc.errors import InputError
from geoloc.places import PlaceSet

By = Literal["none", "folder", "note", "column"]


@dataclass(frozen=True)
class Protocol:
    """How a domain is judged. Numbers under different protocols cannot be compared.

    Args:
        radius: A prediction within so many metres is right; None: `radius.eval` of the config.
        frames: In place of `radius`: a prediction at most so many frames away is right.
        metres_per_frame: Metres between the positions that stand for two successive frames.
        groups: A query is searched only in the database images of its own group, such as its city: "folder": the first
            folder below `database` or `queries`; "note": the last word of the note, parted by underscores; "column":
            the column `group` of the tables; "none": all images are searched.
        query_list: Text file that names the queries, one path relative to their folder a line; None: all.
        panoramas: Of each panorama only the best image counts (not within groups).

    Raises:
        ValueError: Values that do not go together.
    """

    radius: float | None = None
    frames: int | None = None
    metres_per_frame: float | None = None
    groups: By = "none"
    query_list: str | None = None
    panoramas: bool = False

    def __post_init__(self) -> None:
        if (self.frames is None) != (self.metres_per_frame is None):
            raise ValueError("frames and metres_per_frame: give both or none")
        if self.frames is not None and self.radius is not None:
            raise ValueError("radius and frames: give one of them")
        if self.panoramas and self.groups != "none":
            raise ValueError(f"panoramas: cannot be counted once within groups={self.groups}; leave one of them out")
        for name, least in (("radius", "above 0"), ("metres_per_frame", "above 0"), ("frames", "0 or more")):
            value = getattr(self, name)
            if value is not None and not (value > 0 or (value == 0 and name == "frames")):
                raise ValueError(f"{name}: must be {least}, not {value}")

    def radius_m(self, default: float) -> float:
        """Metres within which a prediction is right.

        Args:
            default: Where the protocol names none.

        Example:
            >>> Protocol(frames=10, metres_per_frame=2.0).radius_m(25.0)  # between 10 and 11 frames
            21.0
        """
        if self.frames is not None and self.metres_per_frame is not None:
            return (self.frames + 0.5) * self.metres_per_frame
        return default if self.radius is None else self.radius

    def facts(self) -> dict[str, Any]:
        """Plain values, from which it can be built again."""
        return asdict(self)


BY_RADIUS = Protocol()


def protocol_of(facts: Mapping[str, Any]) -> Protocol:
    """The protocol that has told these facts; what else stands among them, such as counts, is no part of it."""
    return Protocol(**{each.name: facts[each.name] for each in fields(Protocol) if each.name in facts})


def grouped(places: PlaceSet, by: By) -> np.ndarray:
    """The group of each image.

    Returns:
        (N,) str; empty without groups.

    Raises:
        InputError: An image has none.
    """
    if by == "none":
        return np.full(len(places), "")
    notes, given = places.notes, places.groups
    assert notes is not None
    assert given is not None
    if by == "folder":
        found = np.array([name.partition("/")[0] if "/" in name else "" for name in places.names.tolist()])
    elif by == "note":
        found = np.array([note.rpartition("_")[2] for note in notes.tolist()])
    else:
        found = given
    without = places.names[found == ""]
    if len(without):
        raise InputError(f"{places.root}: groups={by}, and {len(without)} images have no group ({without[0]}, ...)")
    return found


def members(database: PlaceSet, queries: PlaceSet, protocol: Protocol) -> str:
    """Changes with which images share a group or a panorama, whatever these are called; empty if neither matters."""
    columns: list[np.ndarray] = []
    if protocol.groups != "none":
        columns.append(np.concatenate([grouped(side, protocol.groups) for side in (database, queries)]))
    if protocol.panoramas:
        assert database.panos is not None
        columns.append(database.panos)
    if not columns:
        return ""
    numbers: list[list[int]] = []
    for column in columns:
        seen = {"": -1}
        numbers.append([seen.setdefault(text, len(seen)) for text in column.tolist()])
    return hashlib.blake2b(repr(numbers).encode(), digest_size=8).hexdigest()


def listed(queries: PlaceSet, path: str | Path) -> PlaceSet:
    """The queries that a list names, in the order of the set.

    Args:
        queries: All there are.
        path: Text file, one path relative to `queries.root` a line.

    Raises:
        InputError: There is no such file, it is empty, or it names others.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"query_list {path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    wanted = {line.strip() for line in lines if line.strip()}
    unknown = sorted(wanted - set(queries.names.tolist()))
    if unknown or not wanted:
        why = f"{len(unknown)} of its names are not in {queries.root} ({unknown[0]}, ...)" if unknown else "is empty"
        raise InputError(f"query_list {path}: {why}; it must hold one path a line, relative to that folder")
    return queries.select(np.isin(queries.names, list(wanted)))
