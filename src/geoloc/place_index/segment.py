"""A block of photos that were added together: it is written once and never changed; photos are only crossed out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from geoloc.place_index.records import Records, joined
from geoloc.stacked import Stacked


@dataclass(frozen=True)
class Segment:
    """Descriptors and records of n photos.

    Attributes:
        vectors: (n, D) float32 or float16 descriptors, may be memory-mapped.
        records: Of the same photos.
        facts: How the descriptors were computed: `precision`, and the `lowest_cosine` to the network's own.
        kept: (m,) int64 rows of photos that have not been removed, ascending; None: all.
        name: Of its files; empty as long as it is in memory alone.
        kept_name: Of the file that `kept` is in; empty likewise.
    """

    vectors: np.ndarray | Stacked
    records: Records
    facts: Mapping[str, Any] = field(default_factory=dict)
    kept: np.ndarray | None = None
    name: str = ""
    kept_name: str = ""

    def __len__(self) -> int:
        return len(self.records) if self.kept is None else len(self.kept)

    @property
    def live(self) -> Records:
        """Records of the photos that have not been removed."""
        return self.records if self.kept is None else self.records.select(self.kept)

    def without(self, ids: set[str]) -> Segment:
        """The same, with the photos of some ids removed."""
        rows = np.arange(len(self.records)) if self.kept is None else self.kept
        stays = np.array([each not in ids for each in self.records.ids[rows]], bool)
        return self if stays.all() else replace(self, kept=rows[stays], kept_name="")


def merged(segments: Sequence[Segment], dim: int, dtype: str) -> Segment:
    """One segment of the photos of several that have not been removed, in their order; nothing is copied yet."""
    facts = min((segment.facts for segment in segments), key=lambda each: each.get("lowest_cosine", 1.0))
    parts = [(segment.vectors, segment.kept) for segment in segments]
    return Segment(Stacked(parts, dim, dtype), joined([segment.live for segment in segments]), facts)


def are_rows(kept: np.ndarray, rows: int) -> bool:
    """Whether an array says which of so many rows count: whole numbers, ascending."""
    return kept.ndim == 1 and kept.dtype == np.int64 and bool((np.diff(kept, prepend=-1, append=rows) > 0).all())
