"""answers.csv, answers.geojson and predictions.csv: where each photo was taken, for tables, maps and programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from geoloc.report.answers.asked import Asked
from geoloc.report.answers.colours import colour_of
from geoloc.textfiles import write_whole

COLUMNS = (
    *("photo", "status", "lat", "lon", "east", "north", "zone", "confidence", "expected_error_m", "support"),
    *("spread_m", "best", "best_distance", "error_m", "reason"),
)
CANDIDATES = ("query", "rank", "database", "distance", "lat", "lon", "east", "north", "zone")


def write_files(folder: Path, asked: Asked) -> str:
    """Write the three files into a folder.

    Returns:
        Why there is no answers.geojson; empty if there is one.
    """
    write_whole(folder / "answers.csv", _table(COLUMNS, _answer_rows(asked)))
    write_whole(folder / "predictions.csv", _table(CANDIDATES, _candidate_rows(asked)))
    if np.isnan(asked.base.latlon).all():
        frame = "are in a local frame" if asked.base.local else "do not say their UTM zone with its hemisphere"
        return f"no answers.geojson, for the positions of the database {frame} and have no degrees"
    write_whole(folder / "answers.geojson", json.dumps(geojson(asked), ensure_ascii=False, indent=1) + "\n")
    return ""


def geojson(asked: Asked) -> dict[str, Any]:
    """A FeatureCollection (RFC 7946) with a point for each photo that can be read; unknown ones say so by `status`.

    Args:
        asked: With degrees.
    """
    features = []
    for row in range(len(asked.answers)):
        properties = {key: value for key, value in _answer(asked, row).items() if key not in ("lat", "lon", "reason")}
        known = bool(asked.answers.known[row])
        properties["marker-color"] = colour_of(float(asked.answers.confidence[row])) if known else "#8a8a8a"
        lat, lon = asked.answers.latlon[row].round(7).tolist()
        # RFC 7946 has longitude before latitude.
        point = {"type": "Point", "coordinates": [lon, lat]}
        features.append({"type": "Feature", "geometry": point, "properties": properties})
    return {"type": "FeatureCollection", "features": features}


def _answer_rows(asked: Asked) -> Iterator[list[Any]]:
    """A row of answers.csv for each photo, in the order of their names."""
    row = 0
    for name in asked.names:
        if name in asked.unreadable:
            cells: dict[str, Any] = {"photo": name, "status": "unreadable", "reason": asked.unreadable[name]}
        else:
            cells = _answer(asked, row)
            row += 1
        yield ["" if cells.get(column) is None else cells[column] for column in COLUMNS]


def _answer(asked: Asked, row: int) -> dict[str, Any]:
    """Plain values of an answer; None for what is not known."""
    answers = asked.answers
    (lat, lon), (east, north) = answers.latlon[row], answers.utm[row]
    return {
        "photo": answers.names[row],
        "status": asked.status(row),
        "lat": _rounded(lat, 7),
        "lon": _rounded(lon, 7),
        "east": _rounded(east, 2),
        "north": _rounded(north, 2),
        "zone": str(answers.zones[row]) or None,
        "confidence": _rounded(answers.confidence[row], 4),
        "expected_error_m": _rounded(answers.expected_error[row], 1),
        "support": _rounded(answers.support[row], 4),
        "spread_m": _rounded(answers.spread[row], 1),
        "best": str(asked.base.names[answers.predictions.ids[row, 0]]),
        "best_distance": _rounded(answers.predictions.distances[row, 0], 6),
        "error_m": _rounded(asked.errors[row], 1),
        "reason": None,
    }


def _candidate_rows(asked: Asked) -> Iterator[list[Any]]:
    """A row of predictions.csv for each candidate of each photo."""
    base, found = asked.base, asked.answers.predictions
    for name, ids, distances in zip(asked.answers.names, found.ids.tolist(), found.distances.tolist(), strict=True):
        for rank, (row, distance) in enumerate(zip(ids, distances, strict=True), start=1):
            degrees = [_rounded(each, 7) for each in base.latlon[row]]
            metres = [_rounded(each, 2) for each in base.utm[row]]
            places = ["" if each is None else each for each in (*degrees, *metres)]
            yield [name, rank, base.names[row], f"{distance:.6f}", *places, base.zones[row]]


def _rounded(value: float, digits: int) -> float | None:
    return round(float(value), digits) if np.isfinite(value) else None


def _table(columns: Sequence[str], rows: Iterator[list[Any]]) -> str:
    """A table as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
