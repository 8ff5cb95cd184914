"""Search: exact against flat faiss, and what the approximate indexes give for their speed.

    python scripts/bench/search.py [--queries 1000] [--rounds 3] [--frontier 20000] [--json FILE]

First table: times of exact search (`exact`), of the search alone of a faiss `IndexFlatL2` (`faiss`), of the same with
the copying of the database into it, which is the common way (`common`), and of `faiss_flat`, which measures candidates
again (`faiss_flat`). All in turn, in one process. "same" is the share of rows that are those of `exact` at their place.

Second table: speed of `faiss_hnsw` and `faiss_ivfpq` over `exact`, with the share of the first and of the first 20
neighbours that they find, the size of their files and the time to build them.

Times are medians and are to be read as ratios. Descriptors are synthetic: the shares
say how settings compare, not what real descriptors would give.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rounds import in_turn

from geoloc.index.exact import Exact
from geoloc.index.faiss_flat import FaissFlat
from geoloc.index.faiss_hnsw import FaissHnsw
from geoloc.index.faiss_ivfpq import FaissIvfpq
from geoloc.index.index import Index
from geoloc.index.quality import recall_of
from geoloc.predictions import Predictions

K = 20
SIZES = {4096: 10_000, 512: 40_000}  # D -> N
FEW = 500  # queries; for fewer than 250 of 512 values faiss goes without its matrix product, several times slower
Settings = dict[str, tuple[Callable[[int], Index], tuple[int, ...]]]  # name -> index of a value, values
FRONTIER: Settings = {
    "faiss_hnsw ef_search": (lambda value: FaissHnsw(ef_search=value), (32, 128, 512)),
    "faiss_ivfpq probes": (lambda value: FaissIvfpq(probes=value), (1, 4, 16, 64)),
}


def descriptors(size: int, dim: int, queries: int) -> tuple[np.ndarray, np.ndarray]:
    """(size, dim) and (queries, dim) float32 of unit length: places in 32 dimensions, some 30 views of each, noise."""
    rng = np.random.default_rng(0)
    places = rng.standard_normal((size // 30, 32), dtype=np.float32)
    views = places[rng.integers(len(places), size=size + queries)]
    views += 0.3 * rng.standard_normal(views.shape, dtype=np.float32)
    both = views @ rng.standard_normal((32, dim), dtype=np.float32)
    both += rng.standard_normal(both.shape, dtype=np.float32)
    both /= np.linalg.norm(both, axis=1, keepdims=True)
    return both[:size], both[size:]


def medians(ways: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Seconds of each way, all in turn."""
    return {name: statistics.median(values) for name, values in in_turn(ways, rounds).items()}


def flat(database: np.ndarray) -> Any:
    """A faiss index that holds a copy of the database."""
    import faiss

    index = faiss.IndexFlatL2(database.shape[1])
    index.add(database)
    return index


def compare_exact(dim: int, queries: int, rounds: int) -> dict[str, Any]:
    """Times and agreement of the ways that find all neighbours."""
    database, asked = descriptors(SIZES[dim], dim, queries)
    held = flat(database)
    fitted = FaissFlat().fit(database)
    exact = Exact().search(database, asked, K)
    seconds = medians(
        {
            "exact": lambda: Exact().search(database, asked, K),
            "faiss": lambda: held.search(asked, K),
            "common": lambda: flat(database).search(asked, K),
            "faiss_flat": lambda: fitted.search(asked, K),
        },
        rounds,
    )
    same = {"faiss": held.search(asked, K)[1], "faiss_flat": fitted.search(asked, K).ids}
    return {
        "dim": dim,
        "size": len(database),
        "queries": queries,
        "seconds": seconds,
        "over_exact": {name: value / seconds["exact"] for name, value in seconds.items()},
        "same": {name: float((ids == exact.ids).mean()) for name, ids in same.items()},
    }


def frontier(
    database: np.ndarray, asked: np.ndarray, rounds: int, settings: Settings = FRONTIER
) -> list[dict[str, Any]]:
    """Speed, agreement and size of the approximate indexes; each is built once and loaded with other settings."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (make, values) in settings.items():
            path = Path(folder) / "index"
            start = time.perf_counter()
            make(values[0]).fit(database).save(path, "synthetic")
            built = time.perf_counter() - start
            for value in values:
                rows.append(
                    {"index": name, "value": value, "build_s": built, "file_mib": path.stat().st_size / 2**20}
                    | _judge(make(value).load(path, "synthetic", database).search, database, asked, rounds)
                )
    return rows


def _judge(
    search: Callable[[np.ndarray, int], Predictions], database: np.ndarray, asked: np.ndarray, rounds: int
) -> dict[str, float]:
    seconds = medians({"exact": lambda: Exact().search(database, asked, K), "index": lambda: search(asked, K)}, rounds)
    quality = recall_of(search(asked, K), lambda rows, k: Exact().search(database, asked[rows], k))
    return {"speed": seconds["exact"] / seconds["index"], "r1": quality.r1, "rk": quality.rk}


def measure(full: bool = False) -> list[dict[str, Any]]:
    """Exact search against a flat faiss index that copies the database, which is the common way."""
    found = []
    for dim in SIZES:
        row = compare_exact(dim, 1000 if full else FEW, 3)
        for name, note in (("common", "with the copy into the index"), ("faiss", "the search alone")):
            found.append(
                {
                    "stage": "search",
                    "case": f"{row['queries']} queries in {row['size']} x {dim}",
                    "way": f"exact, over {name}",
                    "baseline_s": row["seconds"][name],
                    "ours_s": row["seconds"]["exact"],
                    "ratio": row["over_exact"][name],
                    "note": f"{note}; {100 * row['same']['faiss']:.2f} % of places the same",
                }
            )
    return found


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frontier", type=int, default=20_000, help="database rows of the second table; 0: none")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    print(f"{arguments.queries} queries, k={K}, {torch.get_num_threads()} threads; times over that of exact")
    print(f"{'N':>8} {'D':>6} {'exact':>8} {'faiss':>7} {'common':>7} {'faiss_flat':>11}  same: faiss, faiss_flat")
    exact = []
    for dim in SIZES:
        row = compare_exact(dim, arguments.queries, arguments.rounds)
        exact.append(row)
        over, same = row["over_exact"], row["same"]
        print(
            f"{row['size']:8} {dim:6} {row['seconds']['exact']:6.2f} s {over['faiss']:7.2f} {over['common']:7.2f}"
            f" {over['faiss_flat']:11.2f}  {same['faiss']:.4f}, {same['faiss_flat']:.4f}"
        )
    found = []
    if arguments.frontier:
        print(f"\n{arguments.frontier} x 512, speed over exact")
        print(f"{'':28} {'speed':>6} {'first':>6} {'of 20':>6} {'file':>9} {'built in':>9}")
        found = frontier(*descriptors(arguments.frontier, 512, arguments.queries), arguments.rounds)
        for row in found:
            print(
                f"{row['index'] + '=' + str(row['value']):28} {row['speed']:6.2f} {row['r1']:6.3f} {row['rk']:6.3f}"
                f" {row['file_mib']:5.1f} MiB {row['build_s']:7.1f} s"
            )
    if arguments.json:
        content = {"threads": torch.get_num_threads(), "k": K, "exact": exact, "frontier": found}
        arguments.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
