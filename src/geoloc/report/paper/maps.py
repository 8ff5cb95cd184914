"""Maps for papers, in metres and without a picture of streets: the database, the queries, and where those go wrong.

Photos far apart are drawn in panels of their own, each to its own scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from geoloc.earth import from_above
from geoloc.report.paper.style import FAINT, RIGHT, WRONG, new_figure, style

GAPS = (500.0, 1000.0, 2000.0, 5000.0, 10_000.0)  # metres between two areas; the first that makes few enough
MOST = 9  # panels
CELLS = 4  # to a gap: how finely it is measured
MANY = 5000  # points from which they are pixels in a PDF too
SIZES = ((300, 3.0), (3000, 2.0), (math.inf, 1.2))  # so many photos -> points that a query is wide
ROUND = (1, 2, 5)  # lengths of scale bars: these times a power of ten
SHAPES = (0.35, 1.0)  # least and greatest height of a panel by its width
SEVERAL = 0.75  # greatest height of one of several
BESIDE, LEGEND = 0.36, 0.25  # inches of title and scale bar of a panel, and of the legend
MARGIN = 1.1  # of a panel's width by what it shows
LEAST = 10.0  # metres that a panel shows at least
BAR = -0.04  # where the scale bar lies, by the width of the panel


@dataclass(frozen=True)
class Area:
    """Photos that one panel shows.

    Attributes:
        database: (n,) int64 rows.
        queries: (q,) int64 rows.
        name: Of the group (city) that all of them belong to; empty if there is none.
    """

    database: np.ndarray
    queries: np.ndarray
    name: str = ""


def areas_of(database: np.ndarray, queries: np.ndarray, groups: np.ndarray | None = None) -> list[Area]:
    """Photos that lie together and include a query, those with the most queries first.

    Args:
        database: (N, 2) or (N, 3) float64 metres.
        queries: (Q, 2) or (Q, 3) float64 metres, same frame.
        groups: (N + Q,) str of the database, then of the queries.
    """
    both = np.concatenate([database, queries])
    own = np.zeros(len(both), np.int64)
    for gap in GAPS:
        own = _linked(both, gap)
        asked = np.unique(own[len(database) :])
        if len(asked) <= MOST:
            break
    found = []
    for area in asked:
        rows = np.flatnonzero(own == area)
        names = np.unique(groups[rows]) if groups is not None else np.array([""])
        found.append(
            Area(
                rows[rows < len(database)],
                rows[rows >= len(database)] - len(database),
                str(names[0]) if len(names) == 1 else "",
            )
        )
    return sorted(found, key=lambda area: -len(area.queries))


def _linked(places: np.ndarray, gap: float) -> np.ndarray:
    """(n,) int64 number of the area of each place; areas are about `gap` metres or more apart."""
    cells, own = np.unique(np.floor(CELLS * places / gap).astype(np.int64), axis=0, return_inverse=True)
    pairs = cKDTree(cells).query_pairs(CELLS, output_type="ndarray")
    links = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(cells), len(cells)))
    return connected_components(links, directed=False)[1][own.ravel()]


def flat(places: np.ndarray) -> np.ndarray:
    """(n, 2) metres of (n, 2) places, or of (n, 3) ones as seen from above their middle."""
    return places if places.shape[1] == 2 else from_above(places)


def draw_map(
    database: np.ndarray,
    queries: np.ndarray,
    first: np.ndarray,
    right: np.ndarray,
    areas: Sequence[Area],
    width: float,
    north: bool = True,
) -> Figure:
    """A panel an area, with a scale bar; a line leads from a wrong prediction to where its query was taken.

    Args:
        database: (N, 2) or (N, 3) float64 metres.
        queries: (Q, 2) or (Q, 3) float64 metres, same frame.
        first: (Q,) int64 database row of the first prediction.
        right: (Q,) bool, whether it is right.
        areas: What to draw.
        width: Inches.
        north: Whether up is north; false for a frame of its own.
    """
    columns = 1 if len(areas) == 1 else min(len(areas), max(2, round(width / 2.3)))
    lines = math.ceil(len(areas) / columns)
    planes = [_plane(database, queries, area) for area in areas]
    spans = [np.maximum(np.ptp(np.concatenate(plane), axis=0), LEAST) for plane in planes]
    highest = SHAPES[1] if len(areas) == 1 else SEVERAL
    shape = float(np.clip(np.median([high / wide for wide, high in spans]), SHAPES[0], highest))
    with style():
        figure = new_figure(width, width / columns * shape * lines + BESIDE * lines + LEGEND, layout="constrained")
        grid = figure.subplots(lines, columns, squeeze=False).ravel()
        for axes in grid[len(areas) :]:
            axes.remove()
        for number, (axes, area, (places, asked)) in enumerate(zip(grid, areas, planes, strict=False)):
            _panel(axes, places, asked, _ends(area, places, first), right[area.queries])
            _frame(axes, np.concatenate([places, asked]), shape)
            label = area.name or (f"({chr(ord('a') + number)})" if len(areas) > 1 else "")
            axes.set_title(label, fontsize=7, pad=2, loc="left")
            axes.set_title("N ↑" if north and number == 0 else "", fontsize=6, pad=2, loc="right")
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3 if width > 3 else 2, handletextpad=0.3)
        return figure


def _plane(database: np.ndarray, queries: np.ndarray, area: Area) -> tuple[np.ndarray, np.ndarray]:
    """(n, 2) and (q, 2) metres of an area, in one plane."""
    both = flat(np.concatenate([database[area.database], queries[area.queries]]))
    return both[: len(area.database)], both[len(area.database) :]


def _ends(area: Area, places: np.ndarray, first: np.ndarray) -> np.ndarray:
    """(q, 2) metres of the first prediction of each query; not a number where that lies in another area."""
    row_of = {row: place for place, row in enumerate(area.database.tolist())}
    at = [row_of.get(row, -1) for row in first[area.queries].tolist()]
    ends = np.full((len(at), 2), np.nan)
    inside = np.array(at) >= 0
    ends[inside] = places[np.array(at)[inside]]
    return ends


def _panel(axes: Axes, places: np.ndarray, asked: np.ndarray, ends: np.ndarray, right: np.ndarray) -> None:
    """Database, lines of errors, queries."""
    pixels = len(places) + len(asked) > MANY
    dots: dict[str, Any] = {"linestyle": "none", "rasterized": pixels}
    size = next(size for most, size in SIZES if len(places) + len(asked) <= most)
    axes.plot(*places.T, marker="o", markersize=0.6 * size, color=FAINT, markeredgewidth=0, label="database", **dots)
    drawn = ~right & np.isfinite(ends).all(axis=1)
    lines = LineCollection(
        np.stack([ends[drawn], asked[drawn]], axis=1).tolist(),
        colors=WRONG,
        linewidths=0.4,
        alpha=0.6,
        zorder=2,
        rasterized=pixels,
    )
    axes.add_collection(lines)
    axes.plot(
        *asked[right].T, marker="o", markersize=size, color=RIGHT, markeredgewidth=0, label="query, right", **dots
    )
    axes.plot(
        *asked[~right].T,
        marker="x",
        markersize=1.2 * size,
        markeredgewidth=0.3 * size,
        color=WRONG,
        label="query, wrong",
        zorder=4,
        **dots,
    )


def _frame(axes: Axes, shown: np.ndarray, shape: float) -> None:
    """Limits around (n, 2) metres with the same scale along both axes, and a bar of round length below."""
    low, high = shown.min(axis=0), shown.max(axis=0)
    half = MARGIN * max(high[0] - low[0], (high[1] - low[1]) / shape, LEAST) / 2
    middle = (low + high) / 2
    axes.set_box_aspect(shape)
    axes.set(xlim=middle[0] + half * np.array([-1, 1]), ylim=middle[1] + shape * half * np.array([-1, 1]))
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set(visible=True, color="#BBBBBB", linewidth=0.5)
    metres = bar_length(2 * half)
    below: dict[str, Any] = {
        "transform": axes.get_xaxis_transform(),
        "clip_on": False,
    }  # metres along, a share of the panel upward
    start = middle[0] - half
    axes.plot([start, start + metres], [BAR / shape] * 2, color="black", linewidth=1.2, label="_scale", **below)
    axes.text(start + metres + 0.04 * half, BAR / shape, _round(metres), va="center", fontsize=6, **below)


def bar_length(span: float) -> float:
    """Metres of a scale bar: a round number, at most a third of the span.

    Example:
        >>> bar_length(1000.0), bar_length(70.0), bar_length(0.0)
        (200.0, 20.0, 1.0)
    """
    if span < 3:
        return 1.0
    power = 10.0 ** math.floor(math.log10(span / 3))
    return max(each * power for each in ROUND if each * power <= span / 3)


def _round(metres: float) -> str:
    return f"{metres:g} m" if metres < 1000 else f"{metres / 1000:,g} km"
