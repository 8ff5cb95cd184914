"""Which queries were taken one after the other, and when: from the numbers in their names, or their times.

Images of one folder whose names differ only in their last number are a sequence; the number says when. The time of day
after a date, as phones name photos, is read as one: from 12:59:59 to 13:00:00 is a second. Of a name in the field's
layout only the image's own id (field 7) is read: the fields before it say where the photo was taken, and order by these
would give away the answer.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

import numpy as np

from geoloc.errors import InputError

Order = Literal["name", "time"]
# All up to the date; hours, minutes, seconds, thousandths; the rest: IMG_20240601_140000, PXL_20240601_140000123.
CLOCK = re.compile(
    r"(.*(?<!\d)(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[_T-]?)"
    r"([01]\d|2[0-3])([0-5]\d)([0-5]\d)(?:\.?(\d{3}))?(\D*)"
)
ID = 7  # the field of a name that is the image's own
WHOLE = len("2024-06-01T12:00:00")  # a time down to the second


class Taken(NamedTuple):
    """Queries that were taken one after the other.

    Attributes:
        rows: (n,) int64 queries, the first first; of one moment, in the order of their rows.
        at: (n,) float64 moment of each: seconds, or the number in its name (of a time of day, its seconds). Ascending.
    """

    rows: np.ndarray
    at: np.ndarray


def sequences(names: np.ndarray, times: np.ndarray, order: Order, gap: float) -> list[Taken]:
    """The sequences of a set of queries; each query is in one of them, maybe alone.

    Args:
        names: (Q,) str, paths with forward slashes.
        times: (Q,) str, ISO 8601; read by the order "time" alone.
        order: "name" or "time".
        gap: Seconds between two queries that part a sequence; of the order "time".

    Raises:
        InputError: The order is "time", and a time is missing or no more exact than a minute.

    Example:
        >>> names = np.array(["a/f9.jpg", "a/f10.jpg", "b/f1.jpg"])
        >>> [taken.rows.tolist() for taken in sequences(names, np.full(3, ""), "name", 0)]
        [[0, 1], [2]]
    """
    if order == "name":
        return _together([_of_name(str(name), row) for row, name in enumerate(names)], np.inf)
    unknown = [str(name) for name, time in zip(names, times, strict=True) if len(time) < WHOLE]
    if unknown:
        raise InputError(
            f"postprocess.sequence.order=time: {len(unknown)} of {len(names)} queries have no time down to the second"
            f" ({', '.join(unknown[:3])}); it is field 13 of a name, the column time, or in the photo's EXIF;"
            " postprocess.sequence.order=name goes by the numbers in their names"
        )
    folders = [str(PurePosixPath(str(name)).parent) for name in names]
    return _together([((folder,), _seconds(str(time))) for folder, time in zip(folders, times, strict=True)], gap)


def _of_name(name: str, row: int) -> tuple[tuple[str, ...], float]:
    """What a query shares with those of its sequence, and its number; a name without a number stands alone."""
    path = PurePosixPath(name)
    fields = path.name.split("@")
    own = fields[ID] if len(fields) > ID + 1 else path.stem
    clock = CLOCK.fullmatch(own)
    if clock is not None:
        hours, minutes, seconds, thousandths = (int(each or 0) for each in clock.group(2, 3, 4, 5))
        return (str(path.parent), clock[1], clock[6]), 3600 * hours + 60 * minutes + seconds + thousandths / 1000
    found = re.fullmatch(r"(.*?)(\d+)(\D*)", own)
    if found is None:
        return (name, str(row)), 0.0
    return (str(path.parent), found[1], found[3]), float(found[2])


def _seconds(time: str) -> float:
    """Since 1970; of a time without a zone as if it was Greenwich's, which is as good between photos of one camera."""
    found = datetime.fromisoformat(time)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _together(keyed: list[tuple[tuple[str, ...], float]], gap: float) -> list[Taken]:
    """Queries of one key, by their moments; parted where two moments are more than `gap` apart."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for row, (key, _) in enumerate(keyed):
        groups.setdefault(key, []).append(row)
    found = []
    for members in groups.values():
        rows = np.array(members, np.int64)
        at = np.array([keyed[row][1] for row in members])
        order = np.argsort(at, kind="stable")
        rows, at = rows[order], at[order]
        for part in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(at) > gap) + 1):
            found.append(Taken(rows[part], at[part]))
    return found
