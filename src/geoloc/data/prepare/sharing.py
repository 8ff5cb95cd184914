"""The options by which own photos are shared out; all sets of own photos have them."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal

from geoloc.data.prepare.times import field as time_field
from geoloc.data.prepare.times import of_option
from geoloc.errors import InputError
from geoloc.places import SPLITS

GAP = 25.0  # metres; by default a photo within this is a right prediction, so no place may be in two splits
SHARE = 0.2
WAYS = {"query_share": "share", "seed": "share", "queries_after": "time", "query_folders": "folder"}


@dataclass(frozen=True)
class Sharing:
    """How photos are shared out.

    Attributes:
        split_by: What makes a photo a query: "share" takes some at random, of places that keep a database photo; "time"
            takes those of a date or later; "folder" those in certain folders. By default what the next options say,
            else "share".
        query_share: With "share": part of the photos that become queries (default: 0.2).
        seed: With "share": of the random choice (default: 0).
        queries_after: With "time": first date of the queries, such as 2024-06-01 or 2024-06-01T12:00:00. Times count in
            UTC where photos say their zone.
        query_folders: With "folder": folders of the queries below RAW, parted by commas.
        near: Metres. With "share" every query keeps a database photo this near; otherwise the queries without one are
            counted.
        splits: One of train, val, test for all photos, or several with their parts, such as train:60,val:20,test:20;
            these are blocks along the longer axis of the area, from west to east or south to north.
        gap: Metres between such blocks, 25 or more; photos in between are left out (default: 25).
        spacing: Metres. Of photos of one side that are nearer than this and look less than 45 degrees apart (or one of
            them says no heading), the first is kept; with "share" this comes before the choice. 0 keeps all.
    """

    split_by: Literal["share", "time", "folder"] | None = None
    query_share: float | None = None
    seed: int | None = None
    queries_after: str | None = None
    query_folders: str | None = None
    near: float = 25.0
    splits: str | None = None
    gap: float | None = None
    spacing: float = 0.0

    def __post_init__(self) -> None:
        given = {name: way for name, way in WAYS.items() if getattr(self, name) is not None}
        ways = {*given.values(), *([self.split_by] if self.split_by else [])}
        if len(ways) > 1:
            options = " and ".join(_flag(name) for name in given)
            raise InputError(f"{options}: go with --split-by {' and '.join(sorted(ways))}; only one can be")
        if self.way != "share" and not given:
            needed = {"time": "--queries-after DATE", "folder": "--query-folders NAME,NAME"}[self.way]
            raise InputError(f"--split-by {self.way} needs {needed}")
        if self.query_share is not None and not 0 < self.query_share < 1:
            raise InputError(f"--query-share {self.query_share:g}: must lie between 0 and 1")
        for name, least in (("near", 0.0), ("gap", GAP), ("spacing", 0.0)):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= least):
                raise InputError(f"--{name} {value:g}: must be {least:g} metres or more")
        parts = self.parts()  # refuses what cannot be
        if self.gap is not None and len(parts) == 1:
            raise InputError("--gap goes with several --splits, such as train:60,val:20,test:20")
        self.date()

    @property
    def way(self) -> str:
        """What makes a photo a query."""
        given = next((way for name, way in WAYS.items() if getattr(self, name) is not None), "share")
        return self.split_by or given

    def asks_for_queries(self) -> bool:
        """Whether any option says which photos are queries."""
        return self.split_by is not None or any(getattr(self, name) is not None for name in WAYS)

    def parts(self) -> dict[str, float]:
        """Split -> its part of the photos, in any unit."""
        found: dict[str, float] = {}
        for item in (self.splits or "test").split(","):
            split, _, part = item.strip().partition(":")
            try:
                number = float(part or 1)
            except ValueError:
                number = math.nan
            if split not in SPLITS or split in found or not (math.isfinite(number) and number > 0):
                raise InputError(
                    f"--splits {self.splits}: must be one of {', '.join(SPLITS)}, or several with their parts, such as"
                    " train:60,val:20,test:20"
                )
            found[split] = number
        return found

    def date(self) -> str:
        """First time of the queries, `YYYYMMDD_hhmmss`; empty if time does not matter."""
        return time_field(of_option(self.queries_after, "--queries-after")) if self.queries_after is not None else ""

    def options(self) -> dict[str, str]:
        """What is set to anything but its default, for the record of the data set."""
        usual = {"split_by": self.way, "query_share": SHARE, "seed": 0, "splits": "test", "gap": GAP}
        return {
            field.name: str(getattr(self, field.name))
            for field in fields(self)
            if getattr(self, field.name) not in (None, field.default, usual.get(field.name))
        }


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
