"""Geographic re-ranking of all queries at once against a query at a time: ratios, interleaved, in one process.

    python scripts/bench/rerank.py [--queries 1000] [--baseline 100] [--rounds 3] [--orders size] [--json PATH]

The baselines follow the same rules in the common way: they parse the positions from the names of the candidates, group
with scikit-learn or with loops over a pandas table, and list the groups with Python. `python` is the loop over plain
lists, the fastest of these that needs no vectors. They are timed on the first `--baseline` queries and scaled. Both
sides must give the same lists. Needs pandas and scikit-learn, which geoloc does not.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from geoloc.postprocess.chain import Evidence, Step
from geoloc.postprocess.geo_agglomerative import GeoAgglomerative
from geoloc.postprocess.geo_dbscan import GeoDBSCAN
from geoloc.postprocess.geo_neighbours import GeoNeighbours
from geoloc.postprocess.orders import Order

try:
    import pandas as pd
    from sklearn.cluster import DBSCAN, AgglomerativeClustering
except ImportError as error:
    raise SystemExit(f"the baselines need pandas and scikit-learn (pip install pandas scikit-learn): {error}") from None

PLACES, TILES = 5000, 6
Baseline = Callable[[list[str], list[float], Order], list[int]]


def position(name: str) -> tuple[float, float]:
    """Easting and northing in the name of an image."""
    fields = name.split("@")
    return float(fields[1]), float(fields[2])


def city(queries: int, c: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names of a database, and candidates (Q, c) with distances: up to six images a place, some places many times."""
    rng = np.random.default_rng(0)
    xy = rng.uniform(0, 2000, (PLACES, 1, 2)) + rng.normal(scale=1.5, size=(PLACES, TILES, 2))
    xy = xy.reshape(-1, 2) + np.array([500_000.0, 4_000_000.0])
    names = [f"database/@{x:.6f}@{y:.6f}@17@T@@@pano{i // TILES}@@@@@@@@.jpg" for i, (x, y) in enumerate(xy)]
    ids = np.empty((queries, c), np.int64)
    for q in range(queries):
        places = rng.choice(PLACES, c, replace=False)
        tiles = [place * TILES + rng.permutation(TILES)[: rng.integers(1, TILES + 1)] for place in places]
        ids[q] = rng.permutation(np.concatenate(tiles)[:c])
    return names, ids, np.sort(rng.random((queries, c)), axis=1).astype(np.float32)


def listed(groups: list[list[int]], heads: list[int], distances: list[float], order: Order) -> list[int]:
    """Groups, as they come among equals, to a list of candidates."""
    largest = sorted(range(len(groups)), key=lambda g: -len(groups[g]))
    out = [heads[g] for g in largest] if order.endswith("heads") else []
    if order == "nearest_heads":
        out.sort(key=lambda j: (distances[j], j))
    for g in largest:
        out += sorted(groups[g], key=lambda j: (distances[j], j)) if order == "size_distance" else groups[g]
    return list(dict.fromkeys(out))


def by_labels(labels: np.ndarray, distances: list[float], order: Order) -> list[int]:
    """Labels of scikit-learn to a list of candidates."""
    table = pd.DataFrame({"label": [label if label >= 0 else -1 - i for i, label in enumerate(labels)]})
    groups = [rows.tolist() for rows in table.groupby("label", sort=False).groups.values()]
    return listed(groups, [group[0] for group in groups], distances, order)


def dbscan(names: list[str], distances: list[float], order: Order) -> list[int]:
    points = [position(name) for name in names]
    labels = DBSCAN(eps=5, min_samples=2, metric="precomputed").fit_predict(cdist(points, points))
    return by_labels(labels, distances, order)


def agglomerative(names: list[str], distances: list[float], order: Order) -> list[int]:
    points = [position(name) for name in names]
    clusters = AgglomerativeClustering(min(5, len(names)), metric="precomputed", linkage="complete")
    return by_labels(clusters.fit_predict(cdist(points, points)), distances, order)


def neighbours_pandas(names: list[str], distances: list[float], order: Order) -> list[int]:
    points = [position(name) for name in names]
    table = pd.DataFrame(cdist(points, points))
    groups = [table.index[table.loc[i] < 5].tolist() for i in table.index]
    near = pd.Series(distances)
    return listed(groups, [int(near.loc[group].idxmin()) for group in groups], distances, order)


def neighbours_python(names: list[str], distances: list[float], order: Order) -> list[int]:
    points = [position(name) for name in names]
    groups = [[j for j, (u, v) in enumerate(points) if math.hypot(x - u, y - v) < 5] for x, y in points]
    heads = [min(group, key=lambda j: (distances[j], j)) for group in groups]
    return listed(groups, heads, distances, order)


PAIRS: list[tuple[str, type, Baseline]] = [
    ("geo_neighbours / pandas", GeoNeighbours, neighbours_pandas),
    ("geo_neighbours / python", GeoNeighbours, neighbours_python),
    ("geo_dbscan / scikit-learn", GeoDBSCAN, dbscan),
    ("geo_agglomerative / scikit-learn", GeoAgglomerative, agglomerative),
]


def seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    """Of one call, and what it returned."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def compare(
    step: Step,
    baseline: Baseline,
    order: Order,
    sample: int,
    rounds: int,
    case: tuple[list[str], np.ndarray, np.ndarray],
) -> dict[str, float]:
    """Median milliseconds for 1,000 queries on both sides.

    Raises:
        SystemExit: The lists differ.
    """
    names, ids, distances = case
    evidence = Evidence(np.array([position(name) for name in names]), np.full(len(names), ""))
    plain: list[float] = []
    ours: list[float] = []
    for _ in range(rounds):
        taken, lists = seconds(
            lambda: [
                baseline([names[i] for i in ids[q]], distances[q].tolist(), order) for q in range(min(sample, len(ids)))
            ]
        )
        plain.append(1e6 * taken / len(lists))
        taken, columns = seconds(lambda: step(ids, distances, evidence))
        ours.append(1e6 * taken / len(ids))
        if columns[: len(lists)].tolist() != lists:
            raise SystemExit(f"{type(step).__name__} {order}: the lists differ from the baseline's")
    return {"plain_ms": statistics.median(plain), "ours_ms": statistics.median(ours)}


def measure(full: bool = False) -> list[dict[str, Any]]:
    """Twenty candidates a query (full: and a hundred); the lists must be the same."""
    found = []
    part = 100 if full else 30
    for c in (20, 100)[: 2 if full else 1]:
        case = city(1000, c)
        for name, make, baseline in PAIRS:
            row = compare(make(order="size", depth=None), baseline, "size", part, 3, case)
            found.append(
                {
                    "stage": "re-ranking",
                    "case": f"1,000 queries, {c} candidates",
                    "way": name,
                    "baseline_s": row["plain_ms"] / 1000,
                    "ours_s": row["ours_ms"] / 1000,
                    "ratio": row["plain_ms"] / row["ours_ms"],
                    "note": f"the same lists; the baseline did {part} queries, scaled",
                }
            )
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--baseline", type=int, default=100, help="queries that the baselines are timed on")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--orders", nargs="+", default=["size"], help="size, size_distance, heads, nearest_heads")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    arguments = parser.parse_args()
    rows = []
    print(f"{'':34}{'k':>4}  {'order':14}{'plain':>12}{'ours':>10}{'ratio':>8}   ms per 1,000 queries")
    for c in (20, 100):
        case = city(arguments.queries, c)
        for name, make, baseline in PAIRS:
            for order in arguments.orders:
                step = make(order=order, depth=None)
                row = compare(step, baseline, order, arguments.baseline, arguments.rounds, case)
                ratio = row["plain_ms"] / row["ours_ms"]
                rows.append({"name": name, "k": c, "order": order, **row, "ratio": ratio})
                print(
                    f"{name:34}{c:4}  {order:14}{row['plain_ms']:12.1f}{row['ours_ms']:10.1f}{ratio:8.0f}", flush=True
                )
    if arguments.json:
        arguments.json.write_text(json.dumps({"queries": arguments.queries, "rows": rows}, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
