"""The numbers of a checked domain, for check.json and the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from geoloc.data.check.of_places import spacing
from geoloc.data.check.subject import Subject
from geoloc.data.conditions import by_brightness
from geoloc.places import SIDES

# Upper ends of the bars; the last bar has none.
POSITIVES = (0, 1, 2, 4, 9, 19, 49, 99)
METRES = (1, 2, 5, 10, 20, 50, 100, 1000)
MANY = 8  # kinds that are told apart; the rest is counted together


def facts_of(subject: Subject) -> dict[str, Any]:
    """Plain numbers of a domain; lengths in metres unless the key says km.

    Args:
        subject: The domain.
    """
    counts = subject.positives.counts
    metres = spacing(subject.domain.database.xy)[0]
    width, height = subject.domain.extent_km()
    return {
        "stage": subject.stage,
        "name": subject.domain.name,
        "radius": subject.radius,
        "extent_km": [round(width, 3), round(height, 3)],
        "sides": {side: _side(subject, side) for side in SIDES},
        "with_positive": int((counts > 0).sum()),
        "positives": {
            "mean": round(float(counts.mean()), 2),
            "median": float(np.median(counts)),
            "most": int(counts.max()),
        },
        "positives_of_queries": _whole_bars(counts, POSITIVES),
        "metres_to_next": _bars(metres[np.isfinite(metres)], METRES),
        "positions": len(metres),
    }


def _side(subject: Subject, name: str) -> dict[str, Any]:
    places, photos, _ = subject.side(name)
    readable = photos.select(photos.readable)
    assert places.conditions is not None
    sizes = [f"{width}x{height}" for width, height in zip(readable.widths, readable.heights, strict=True)]
    light = by_brightness(readable.brightness)
    said = [condition for condition in places.conditions.tolist() if condition]
    return {
        "folder": str(places.root),
        "images": len(places),
        "unreadable": len(photos) - len(readable),
        "megabytes": round(float(photos.sizes.sum()) / 1e6, 1),
        "sizes": _most(sizes),
        "modes": _most(readable.modes.tolist()),
        "conditions": _most(said),
        "day": int((light == "day").sum()),
        "night": int((light == "night").sum()),
    }


def _most(values: Sequence[str]) -> dict[str, int]:
    """Counts of the most frequent values, and of all others together.

    Example:
        >>> _most([*"abbcdefghij"])
        {'b': 2, 'a': 1, 'c': 1, 'd': 1, 'e': 1, 'f': 1, 'g': 1, 'h': 1, 'other': 2}
    """
    counts = Counter(values).most_common()
    told = dict(counts[:MANY])
    rest = sum(count for _, count in counts[MANY:])
    return told | ({"other": rest} if rest else {})


def _whole_bars(values: np.ndarray, ends: Sequence[int]) -> dict[str, int]:
    """A histogram of whole numbers.

    Example:
        >>> _whole_bars(np.array([0, 3, 4, 7]), (0, 1, 4))
        {'0': 1, '1': 0, '2-4': 2, '5+': 1}
    """
    own = np.bincount(np.searchsorted(ends, values), minlength=len(ends) + 1).tolist()
    starts = [0, *(end + 1 for end in ends)]
    names = [f"{low}" if low == high else f"{low}-{high}" for low, high in zip(starts, ends, strict=False)]
    return dict(zip([*names, f"{starts[-1]}+"], own, strict=True))


def _bars(values: np.ndarray, ends: Sequence[float]) -> dict[str, int]:
    """A histogram of numbers from 0; each bar is named after its upper end, and holds it.

    Example:
        >>> _bars(np.array([0.5, 2.0, 7.0]), (1, 2))
        {'1': 1, '2': 1, '>2': 1}
    """
    own = np.bincount(np.searchsorted(ends, values), minlength=len(ends) + 1).tolist()
    return dict(zip([*(f"{end:g}" for end in ends), f">{ends[-1]:g}"], own, strict=True))
