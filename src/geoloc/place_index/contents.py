"""What an index holds: a value that never changes. Whoever searches it is not disturbed by those who add."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from geoloc import earth
from geoloc.place_index.frame import Frame, framed
from geoloc.place_index.records import Records, joined
from geoloc.place_index.segment import Segment
from geoloc.stacked import Stacked


@dataclass(frozen=True, eq=False)
class Contents:
    """Photos with descriptors of one network, row by row in the order in which they were added.

    Attributes:
        model: Hash of the network.
        dim: D.
        dtype: "float32" or "float16".
        coordinates: "utm" or "local".
        shown: Plain values that say how images were shown to the network.
        segments: Where the rows are.
        where: The folder, for messages.
    """

    model: str
    dim: int
    dtype: str
    coordinates: str
    shown: Mapping[str, Any]
    segments: tuple[Segment, ...] = ()
    where: Path = Path("the index")

    def __len__(self) -> int:
        return sum(len(segment) for segment in self.segments)

    def plus(self, segment: Segment) -> Contents:
        """With one more segment."""
        return replace(self, segments=(*self.segments, segment))

    def without(self, ids: set[str]) -> Contents:
        """Without the photos of some ids."""
        return replace(self, segments=tuple(segment.without(ids) for segment in self.segments)) if ids else self

    @property
    def digest(self) -> str:
        """Changes with any photo of contents that are saved."""
        names = [f"{segment.name} {segment.kept_name}" for segment in self.segments]
        return hashlib.blake2b(" ".join([self.model, *names]).encode(), digest_size=16).hexdigest()

    @cached_property
    def database(self) -> Stacked:
        """(N, D) descriptors."""
        parts = [(segment.vectors, segment.kept) for segment in self.segments if len(segment)]
        return Stacked(parts, self.dim, self.dtype)

    @cached_property
    def records(self) -> Records:
        """Of all N photos."""
        return joined([segment.live for segment in self.segments if len(segment)])

    @cached_property
    def ids(self) -> set[str]:
        """Of all photos."""
        return set(self.records.ids.tolist())

    @cached_property
    def placed(self) -> tuple[np.ndarray, Frame]:
        """(N, A) float64 positions in one frame, the same as if all photos had been added at once; and the frame."""
        zones = self.records.zones.astype(str) if len(self) else np.empty(0, "<U1")
        return framed(self.records.xy, zones, self.coordinates, self.where)

    @cached_property
    def latlon(self) -> np.ndarray:
        """(N, 2) float64 degrees, each from its own zone; NaN where the zone or its hemisphere is not known."""
        found = np.full((len(self), 2), np.nan)
        if self.coordinates == "local" or not len(self):
            return found
        zones = self.records.zones.astype(str)
        names = np.unique(zones)
        for name in names:
            whole = [str(other) for other in names if " " in other and (other == name or _may_be(name, other))]
            if len(whole) == 1:
                rows = zones == name
                found[rows] = earth.to_latlon(self.records.xy[rows], np.full(int(rows.sum()), whole[0]))
        return found


def _may_be(name: str, whole: str) -> bool:
    """Whether a zone that is not said, or not its hemisphere, may be this one."""
    return " " not in name and whole.startswith(f"{name} " if name else "")
