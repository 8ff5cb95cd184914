"""Merging the candidates of five crops, all queries at once against a query at a time: ratios in one process.

    python scripts/bench/voting.py [--queries 1000] [--database 10000] [--rounds 3] [--json PATH]

The baseline follows the rules of `maj_voting` and `nearest_crop` as they read: for each query it counts, subtracts,
sorts and keeps first occurrences in plain Python. Both sides must give the same lists.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import Counter
from pathlib import Path

import numpy as np

from geoloc.views.maj_voting import MajVoting
from geoloc.views.nearest_crop import NearestCrop

CROPS = 5


def hits(queries: int, database: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Candidates (Q, V, k) of crops that agree on some, with ascending distances."""
    rng = np.random.default_rng(0)
    ids = np.stack([[rng.permutation(3 * k)[:k] for _ in range(CROPS)] for _ in range(queries)]) + rng.integers(
        0, database - 3 * k, (queries, 1, 1)
    )
    return ids, np.sort(rng.uniform(0.3, 1.2, ids.shape), axis=2).astype(np.float32)


def plain(ids: np.ndarray, distances: np.ndarray, k: int, weight: float | None, passes: tuple[int, ...]) -> list[int]:
    """One query: (V, k) candidates to k of them; no votes if the weight is None."""
    values = [[float(d) ** 2 for d in crop] for crop in distances]
    for n in passes if weight is not None else ():
        counts = Counter(int(i) for crop in ids for i in crop[:n])
        for v, crop in enumerate(ids):
            for rank, i in enumerate(crop[:n]):
                if counts[int(i)] > 1:
                    values[v][rank] -= weight * counts[int(i)] / n
    flat = sorted((values[v][rank], rank, v, int(i)) for v, crop in enumerate(ids) for rank, i in enumerate(crop))
    return list(dict.fromkeys(i for *_, i in flat))[:k]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--database", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    given = parser.parse_args()
    rows = []
    print(f"{'':14}{'k':>4}{'plain':>12}{'ours':>10}{'ratio':>8}   ms per 1,000 queries")
    for k in (20, 100):
        ids, distances = hits(given.queries, given.database, k)
        voting = MajVoting()
        for name, view, weight in (("nearest_crop", NearestCrop(), None), ("maj_voting", voting, voting.weight)):
            taken: dict[str, list[float]] = {"plain": [], "ours": []}
            for _ in range(given.rounds):
                start = time.perf_counter()
                lists = [plain(ids[q], distances[q], k, weight, tuple(voting.passes)) for q in range(len(ids))]
                middle = time.perf_counter()
                merged, _ = view.merge(ids, distances, k)
                taken["plain"].append(1e6 * (middle - start) / len(ids))
                taken["ours"].append(1e6 * (time.perf_counter() - middle) / len(ids))
                if merged.tolist() != lists:
                    raise SystemExit(f"{name}: the lists differ from the baseline's")
            medians = {side: statistics.median(values) for side, values in taken.items()}
            ratio = medians["plain"] / medians["ours"]
            rows.append({"name": name, "k": k, **medians, "ratio": ratio})
            print(f"{name:14}{k:4}{medians['plain']:12.1f}{medians['ours']:10.1f}{ratio:8.1f}", flush=True)
    if given.json:
        given.json.write_text(json.dumps({"queries": given.queries, "rows": rows}, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
