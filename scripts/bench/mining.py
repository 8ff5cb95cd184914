"""Choosing positives and hard negatives from descriptors, against a faiss index a query."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import faiss
import numpy as np
import torch  # noqa: F401  its OpenMP comes first
from rounds import in_turn, rows

from geoloc.mining.full import Full
from geoloc.mining.hardest import best_positives, hardest_negatives
from geoloc.mining.truth import Truth, usable
from geoloc.places import Neighbours, from_lists

NEGATIVES, POOL, POSITIVES = 10, 1000, 24


def by_index(
    queries: np.ndarray, database: np.ndarray, near: Neighbours, pools: Iterable[np.ndarray]
) -> list[np.ndarray]:
    """The CVPR 2022 benchmark's way: for each query an index of its positives, and one of its negatives."""
    found = []
    for row, (query, pool) in enumerate(zip(queries, pools, strict=True)):
        index = faiss.IndexFlatL2(database.shape[1])
        index.add(database[near.of(row)])
        best = near.of(row)[index.search(query[None], 1)[1][0]]
        others = np.setdiff1d(pool, near.of(row), assume_unique=True)
        index = faiss.IndexFlatL2(database.shape[1])
        index.add(database[others])
        found.append(np.concatenate([best, others[index.search(query[None], NEGATIVES)[1][0]]]))
    return found


def batched(queries: np.ndarray, database: np.ndarray, near: Neighbours, pool: np.ndarray) -> np.ndarray:
    """Geoloc's."""
    best = best_positives(queries, database, near)
    return np.column_stack([best, hardest_negatives(queries, database, pool, near, NEGATIVES)])


def second_visit(truth: Truth, queries: np.ndarray, database: np.ndarray, part: int) -> dict[str, Any]:
    """Both ways of full mining when every query is visited again and remembers what it found at first."""
    miner = Full(len(queries), NEGATIVES, POOL)
    plan = miner.plan(truth, np.random.default_rng(1))
    memory = miner.choose(truth, plan, queries[plan.sampled], database, np.random.default_rng(2))

    def baseline() -> np.ndarray:
        rng, first = np.random.default_rng(3), plan.sampled[:part]
        own = (np.union1d(rng.choice(len(database), POOL, replace=False), memory[row]) for row in range(part))
        return np.stack(by_index(queries[first], database, truth.positives.select(first), own))

    def ours() -> np.ndarray:
        miner.remembered[plan.sampled] = memory
        return miner.mine(truth, plan, queries[plan.sampled], database, np.random.default_rng(3)).tuples[:, 1:]

    return {"baseline": baseline, "batched": ours}


def measure(full: bool = False) -> list[dict[str, Any]]:
    """1,000 queries of 16,384 and of 512 values; the baseline does a part of them and is scaled."""
    return [row for dim in (16_384, 512) for row in of_dim(dim, 10_000 if full else 3_000, 60 if full else 15)]


def of_dim(dim: int, size: int, part: int, asked: int = 1000) -> list[dict[str, Any]]:
    """The rows of descriptors of one length; the baseline does `part` of the `asked` queries."""
    rng = np.random.default_rng(0)
    database = rng.standard_normal((size, dim), dtype=np.float32)
    database /= np.linalg.norm(database, axis=1, keepdims=True)
    queries = database[rng.integers(size, size=asked)] + 0.02 * rng.standard_normal((asked, dim), dtype=np.float32)
    near = from_lists([np.sort(rng.choice(size, POSITIVES, replace=False)) for _ in range(asked)])
    pool, first = np.sort(rng.choice(size, POOL, replace=False)), near.select(np.arange(part))
    partial = {
        "baseline": lambda: np.stack(by_index(queries[:part], database, first, [pool] * part)),
        "batched": lambda: batched(queries, database, near, pool),
    }
    miners = {
        f"partial, pool {POOL}": partial,
        f"full, {size:,} images, {POOL} and {NEGATIVES} each": second_visit(
            usable(near, near, size)[0], queries, database, part
        ),
    }
    found = []
    for miner, calls in miners.items():
        same = np.mean(calls["baseline"]() == calls["batched"]()[:part])
        note = {"batched": f"{100 * same:.1f} % of the choices are the same; the baseline did {part} queries, scaled"}
        found += rows("mining", f"1,000 queries, D={dim}, {miner}", in_turn(calls, 3), note, asked / part)
    return found
