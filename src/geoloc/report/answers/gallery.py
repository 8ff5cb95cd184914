"""The data of the gallery and the map of answers: one block of JSON, which the page's scripts draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from geoloc.earth import areas_of, from_above
from geoloc.report.answers.asked import Asked
from geoloc.report.gallery import CLOUD, SHOWN
from geoloc.report.thumbnails import address, thumbnails


def gallery(asked: Asked, inside: int, radius: float, into: Path) -> dict[str, Any]:
    """What the scripts draw.

    Args:
        asked: The photos and their answers.
        inside: Photos that the page holds itself with their candidates; it shows others from their files.
        radius: Metres around an answer within which a candidate speaks for it.
        into: Folder of the page, from which photos are named.
    """
    answers, base = asked.answers, asked.base
    ids = answers.predictions.ids[:, :SHOWN]
    rows, own = np.unique(ids, return_inverse=True)
    found = own.reshape(ids.shape)
    metres = np.linalg.norm(base.xy[ids] - answers.xy[:, None], axis=2)
    names = [str(base.names[row]) for row in rows]
    roots = {"database": base.root, "queries": asked.root}
    return {
        "noun": "photos",
        "queries": list(answers.names),
        "base": names,
        "found": found.tolist(),
        "apart": answers.predictions.distances[:, :SHOWN].astype(float).round(4).tolist(),
        "metres": metres.round(1).tolist(),
        "near": (metres <= radius).astype(int).tolist(),
        "known": answers.known.astype(int).tolist(),
        "confidence": _numbers(answers.confidence, 4),
        "expected": _numbers(answers.expected_error, 1),
        "support": _numbers(answers.support, 4),
        "error": _numbers(asked.errors, 1),
        "where": [_where(asked, row) for row in range(len(answers))],
        "roots": {side: address(root, into) for side, root in roots.items()},
        "files": {side: root.absolute().as_uri() for side, root in roots.items()},
        "thumbs": _thumbs(asked, names, found, inside),
        "north": not base.local,
        "map": _map(asked, rows),
    }


def _where(asked: Asked, row: int) -> str:
    """An answer's coordinates for readers: degrees to a decimetre, else metres."""
    lat, lon = asked.answers.latlon[row]
    if np.isfinite(lat):
        return f"{lat:.6f}, {lon:.6f}"
    east, north = asked.answers.utm[row]
    return f"{east:.1f}, {north:.1f} m"


def _numbers(values: np.ndarray, digits: int) -> list[float | None]:
    return [round(float(value), digits) if np.isfinite(value) else None for value in values]


def _thumbs(asked: Asked, names: list[str], found: np.ndarray, inside: int) -> dict[str, dict[int, str]]:
    """Pictures of photos evenly spread over all, and of their candidates."""
    number = len(asked.answers)
    held = np.unique(np.linspace(0, number - 1, min(inside, number)).round().astype(np.int64)).tolist()
    queries = thumbnails(asked.root, (asked.answers.names[row] for row in held))
    used = sorted({int(each) for row in held for each in found[row]})
    base = thumbnails(asked.base.root, (names[each] for each in used))
    return {
        "queries": {row: queries[name] for row in held if (name := asked.answers.names[row]) in queries},
        "base": {each: base[names[each]] for each in used if names[each] in base},
    }


def _map(asked: Asked, rows: np.ndarray) -> dict[str, Any]:
    """Metres from the corner of each area, and degrees where they are known; see `report.gallery`."""
    answers, base = asked.answers, asked.base
    truth = np.flatnonzero(np.isfinite(asked.truth).all(axis=1))
    places = np.concatenate([base.xy, answers.xy, asked.truth[truth]])
    number, areas = len(base.xy), areas_of(places)
    # An area without a database image is none to look at: it holds but what some photos say of themselves.
    shown, own = np.unique(areas[:number], return_inverse=True)
    areas = np.array([{area: new for new, area in enumerate(shown.tolist())}.get(area, -1) for area in areas.tolist()])
    flat = _flat(places, areas)
    corners = np.stack([flat[:number][own == area].min(axis=0) for area in range(len(shown))])
    flat = (flat - corners[areas]).round(1)

    def listed(own_rows: np.ndarray, latlon: np.ndarray) -> list[list[float] | None]:
        degrees = [each.round(6).tolist() if np.isfinite(each).all() else [] for each in latlon]
        return [
            [int(areas[row]), *flat[row].tolist(), *both] if areas[row] >= 0 else None
            for row, both in zip(own_rows.tolist(), degrees, strict=True)
        ]

    distinct = np.unique(np.column_stack([areas[:number], flat[:number]]), axis=0)
    cloud = distinct[np.linspace(0, len(distinct) - 1, min(CLOUD, len(distinct))).round().astype(np.int64)]
    true: list[list[float] | None] = [None] * len(answers)
    nowhere = np.full((len(truth), 2), np.nan)
    for query, place in zip(
        truth.tolist(), listed(number + len(answers) + np.arange(len(truth)), nowhere), strict=True
    ):
        true[query] = place
    return {
        "areas": len(shown),
        "queries": listed(number + np.arange(len(answers)), answers.latlon),
        "base": listed(rows, base.latlon[rows]),
        "truth": true,
        "cloud": cloud.tolist(),
        "distinct": len(distinct),
    }


def _flat(places: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """(n, 2) metres of (n, A) places: each area as seen from above where they are points of the earth."""
    if places.shape[1] == 2:
        return places
    flat = np.zeros((len(places), 2))
    for area in np.unique(areas):
        flat[areas == area] = from_above(places[areas == area])
    return flat
