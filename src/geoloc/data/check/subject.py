"""What a check looks at, and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from geoloc.data.check.photos import Photos
from geoloc.data.domains import Domain
from geoloc.places import Neighbours, PlaceSet

SHOWN = 50  # examples that a finding keeps


@dataclass(frozen=True)
class Finding:
    """Something to know before hours are spent.

    Attributes:
        spoils: It would make results wrong or impossible; else it is good to know.
        where: Stage and name of the domain, such as "test tokyo247".
        what: One line with numbers.
        remedy: One line: what to do, or what happens if nothing is done.
        examples: At most `SHOWN` lines, such as paths.
        pairs: At most `SHOWN` pairs of files, worth a look side by side.
    """

    spoils: bool
    where: str
    what: str
    remedy: str
    examples: tuple[str, ...] = ()
    pairs: tuple[tuple[Path, Path], ...] = ()


@dataclass(frozen=True)
class Subject:
    """A domain whose photos have been scanned.

    Attributes:
        stage: "train", "val" or "test".
        domain: The domain.
        photos: (N + Q,) of the database, then of the queries; `contents` can be compared between all subjects.
        first: Row of the first of them among the photos of all subjects.
        radius: Metres within which a database image is a positive.
    """

    stage: Literal["train", "val", "test"]
    domain: Domain
    photos: Photos
    first: int
    radius: float

    @property
    def where(self) -> str:
        """For findings."""
        return f"{self.stage} {self.domain.name}"

    @cached_property
    def positives(self) -> Neighbours:
        """Database rows within the radius of each query."""
        return self.domain.positives(self.radius)

    def side(self, name: str) -> tuple[PlaceSet, Photos, np.ndarray]:
        """The places of "database" or "queries", their photos, and their (n,) int64 rows among all photos."""
        size = len(self.domain.database)
        rows = np.arange(size) if name == "database" else np.arange(size, len(self.domain))
        return getattr(self.domain, name), self.photos.select(rows), rows + self.first


def merged(findings: Sequence[Finding]) -> list[Finding]:
    """What is said of several domains in the same words is said once; what spoils results comes first."""
    places: dict[Finding, list[str]] = {}
    for finding in findings:
        places.setdefault(replace(finding, where=""), []).append(finding.where)
    whole = [replace(finding, where=", ".join(dict.fromkeys(where))) for finding, where in places.items()]
    return sorted(whole, key=lambda finding: not finding.spoils)


def pairs_of(
    first: PlaceSet | Domain, rows: np.ndarray, second: PlaceSet | Domain, others: np.ndarray
) -> tuple[tuple[Path, Path], ...]:
    """Files of the first `SHOWN` pairs of rows, without a pair in its other order.

    Args:
        first: One set, or a domain, whose rows are those of its `paths`.
        rows: (P,) int64 rows of it.
        second: Another one, or the same.
        others: (P,) int64 rows of that.
    """
    pairs: dict[frozenset[Path], tuple[Path, Path]] = {}
    for row, other in zip(rows.tolist(), others.tolist(), strict=True):
        pair = first.path(row), second.path(other)
        pairs.setdefault(frozenset(pair), pair)
        if len(pairs) == SHOWN:
            break
    return tuple(pairs.values())


def number(count: int, thing: str, things: str = "") -> str:
    """A count with its noun.

    Example:
        >>> number(1, "query", "queries"), number(2, "image")
        ('1 query', '2 images')
    """
    return f"{count} {thing if count == 1 else things or thing + 's'}"
