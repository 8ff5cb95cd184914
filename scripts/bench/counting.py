"""Positives within 25 m, and recall from predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
from rounds import in_turn, rows
from sklearn.neighbors import NearestNeighbors

from geoloc.evaluate.recall import hits_at_n
from geoloc.places import positives_within

NS = (1, 5, 10, 20)


def in_loops(ids: np.ndarray, positives: list[np.ndarray]) -> np.ndarray:
    """Queries right within N, a query and an N at a time."""
    counts = np.zeros(len(NS))
    for row, found in enumerate(ids):
        for column, n in enumerate(NS):
            if np.any(np.isin(found[:n], positives[row])):
                counts[column:] += 1
                break
    return counts


def measure(full: bool = False) -> list[dict[str, Any]]:
    """75,000 database images and 10,000 queries (a tenth of both unless full)."""
    rng, size, asked = np.random.default_rng(0), 75_000 if full else 7_500, 10_000 if full else 1_000
    database = np.repeat(rng.uniform(0, 3000 if full else 1000, (size // 24, 2)), 24, axis=0)
    queries = database[rng.integers(len(database), size=asked)] + rng.normal(scale=8, size=(asked, 2))

    def radius_neighbours() -> list[np.ndarray]:
        tree = NearestNeighbors(n_jobs=-1).fit(database)
        return tree.radius_neighbors(queries, radius=25, return_distance=False)

    near = positives_within(queries, database, 25.0)
    theirs = radius_neighbours()
    assert all(set(a) == set(near.of(row)) for row, a in enumerate(theirs[:200]))
    taken = in_turn({"baseline": radius_neighbours, "tree": lambda: positives_within(queries, database, 25.0)}, 5)
    found = rows("positives", f"{asked} queries in {len(database)}", taken, {"tree": "the same sets"})
    ids = np.stack([rng.permutation(len(database))[:20] for _ in range(asked)])
    hit = rng.random(asked) < 0.8
    ids[hit, rng.integers(0, 20, hit.sum())] = [
        near.of(row)[0] if len(near.of(row)) else 0 for row in np.flatnonzero(hit)
    ]
    assert (hits_at_n(ids, near, NS).sum(axis=0) == in_loops(ids, theirs)).all()
    taken = in_turn({"baseline": lambda: in_loops(ids, theirs), "keys": lambda: hits_at_n(ids, near, NS)}, 5)
    return found + rows("recall", f"{asked} queries, 20 predictions", taken, {"keys": "the same counts"})
