"""The data of the gallery and the map of report.html: one block of JSON a domain, which the page's scripts draw.

Names are said once and rows are plain arrays, so that 10,000 queries are a few megabytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from geoloc.report.attention_files import attention
from geoloc.report.judged import Judged, hardest_first, read_judged
from geoloc.report.places import Places, read_places
from geoloc.report.predictions import first_right
from geoloc.report.thumbnails import address, shares, shown_inside, thumbnails

SHOWN = 5  # predictions of each query
CLOUD = 20_000  # places of the database on a map; more are thinned


def galleries(
    folder: Path, domains: Mapping[str, Mapping[str, Any]], inside: int, into: Path
) -> dict[str, dict[str, Any]]:
    """What the scripts draw of each domain.

    Args:
        folder: Of the run.
        domains: Of results.json.
        inside: Queries whose photos the page holds, of all domains together, beside those with pictures of attention.
        into: Folder of the page, from which photos are named.
    """
    judged = {name: read_judged(folder / "predictions" / f"{name}.csv", SHOWN) for name in domains}
    dealt = shares(inside, {name: len(each.queries) for name, each in judged.items()})
    return {name: _gallery(folder, name, facts, judged[name], dealt[name], into) for name, facts in domains.items()}


def _gallery(
    folder: Path, name: str, facts: Mapping[str, Any], judged: Judged, inside: int, into: Path
) -> dict[str, Any]:
    places = read_places(folder / "predictions" / f"{name}.places.csv")
    number = len(judged.queries)
    answerable = np.ones(number, bool)
    if places is not None:
        counts = dict(zip(places["queries"].names, places["queries"].positives.tolist(), strict=True))
        answerable = np.array([counts.get(query, 1) > 0 for query in judged.queries], bool)
    hardest = hardest_first(judged.first, np.array([each[0] for each in judged.meters]), answerable)
    base = list(dict.fromkeys(each for found in judged.found for each in found))
    rows = {each: row for row, each in enumerate(base)}
    conditions = sorted(set(judged.conditions))
    drawn = attention(folder, name, judged.queries, into)
    held = list(dict.fromkeys([*drawn, *shown_inside(hardest, judged.first != 1, inside)]))
    return {
        "name": name,
        "k": judged.k,
        "ns": [int(n) for n in facts["recalls"] if int(n) <= judged.k] or [judged.k],
        "radius": facts["radius_m"],
        "frame": facts.get("protocol", {}).get("metres_per_frame"),
        "roots": {side: address(Path(root), into) for side, root in facts["folders"].items()},
        "files": {side: Path(root).absolute().as_uri() for side, root in facts["folders"].items()},
        "queries": judged.queries,
        "base": base,
        "conditions": conditions,
        "condition": [conditions.index(each) for each in judged.conditions],
        "first": judged.first.tolist(),
        "raw": _raw(folder / "predictions" / f"{name}.raw.csv", judged.queries),
        "hard": hardest.tolist(),
        "answerable": answerable.astype(int).tolist(),
        "found": [[rows[each] for each in found] for found in judged.found],
        "metres": judged.meters,
        "apart": judged.distances,
        "right": [[int(each) for each in right] for right in judged.right],
        "thumbs": _thumbs(facts, judged, held, rows),
        "attention": drawn,
        "north": facts.get("coordinates") != "local",
        "map": None if places is None else _map(places, judged.queries, base),
    }


def _raw(path: Path, queries: list[str]) -> list[int] | None:
    """Rank of the first correct prediction before post-processing; None where there was none."""
    if not path.is_file():
        return None
    ranks = first_right(path)
    return [ranks[query] for query in queries]


def _thumbs(
    facts: Mapping[str, Any], judged: Judged, inside: list[int], rows: dict[str, int]
) -> dict[str, dict[int, str]]:
    roots = {side: Path(root) for side, root in facts["folders"].items()}
    queries = thumbnails(roots["queries"], (judged.queries[query] for query in inside))
    base = thumbnails(roots["database"], (each for query in inside for each in judged.found[query]))
    return {
        "queries": {query: queries[judged.queries[query]] for query in inside if judged.queries[query] in queries},
        "base": {rows[name]: picture for name, picture in base.items()},
    }


def _map(places: dict[str, Places], queries: list[str], base: list[str]) -> dict[str, Any]:
    """Metres from the corner of each area, and degrees where they are known."""
    sides = (places["database"], places["queries"])
    areas, xy = np.concatenate([side.areas for side in sides]), np.concatenate([side.xy for side in sides])
    corners = np.stack([xy[areas == area].min(axis=0) for area in range(areas.max() + 1)])
    cloud = _thinned(places["database"])
    return {
        "areas": len(corners),
        "queries": _rows(places["queries"], queries, corners),
        "base": _rows(places["database"], base, corners),
        "cloud": np.column_stack([cloud[:, 0], (cloud[:, 1:] - corners[cloud[:, 0].astype(int)]).round(1)]).tolist(),
        "distinct": len(_distinct(places["database"])),
    }


def _rows(places: Places, names: list[str], corners: np.ndarray) -> list[list[float] | None]:
    """[area, east, north, lat, lon] of each name, without degrees where they are not known; None for an unknown one."""
    at = {name: row for row, name in enumerate(places.names)}
    known = ~np.isnan(places.latlon).any(axis=1)
    found: list[list[float] | None] = []
    for name in names:
        row = at.get(name)
        if row is None:
            found.append(None)
            continue
        area = int(places.areas[row])
        degrees = places.latlon[row].round(6).tolist() if known[row] else []
        found.append([area, *(places.xy[row] - corners[area]).round(1).tolist(), *degrees])
    return found


def _distinct(places: Places) -> np.ndarray:
    """(n, 3) area, east and north; photos at one place count once."""
    return np.unique(np.column_stack([places.areas, places.xy.round(1)]), axis=0)


def _thinned(places: Places) -> np.ndarray:
    distinct = _distinct(places)
    return distinct[np.linspace(0, len(distinct) - 1, min(CLOUD, len(distinct))).round().astype(np.int64)]


def as_json(data: Mapping[str, Any]) -> Markup:
    r"""JSON that may stand in a <script> element, whatever the names hold.

    Example:
        >>> str(as_json({"a": ["</script>"]}))
        '{"a":["\\u003c/script>"]}'
    """
    return Markup(json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"))
