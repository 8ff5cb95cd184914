"""What a miner is: it plans which images to describe, and then chooses tuples among them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from geoloc.mining.hardest import best_positives, fill_up
from geoloc.mining.truth import Truth


@dataclass(frozen=True)
class Plan:
    """What one round of mining looks at.

    Attributes:
        sampled: (S,) int64 entries of `Truth` (not rows of the domain): the queries of the next epoch.
        database: (M,) int64 database rows to describe, ascending.
        pool: (P,) int64 database rows that negatives are taken from, ascending; empty if they are drawn blindly.
    """

    sampled: np.ndarray
    database: np.ndarray
    pool: np.ndarray


@dataclass(frozen=True)
class Mined:
    """Result of one round.

    Attributes:
        tuples: (T, 2 + n) int64: query row, positive's database row, negatives' database rows.
        counts: What the log tells: queries sampled, queries with repeated negatives, queries left out for want of any.
    """

    tuples: np.ndarray
    counts: dict[str, int] = field(default_factory=dict)


class Miner:
    """Base of the miners: sampling of queries and assembling of tuples.

    Args:
        queries_per_epoch: Queries drawn without replacement for one epoch (one rebuild of the cache).
        negatives: Negatives of each query.
    """

    def __init__(self, queries_per_epoch: int = 1000, negatives: int = 10) -> None:
        if queries_per_epoch < 1 or negatives < 1:
            raise ValueError(f"queries_per_epoch ({queries_per_epoch}) and negatives ({negatives}) must be at least 1")
        self.queries_per_epoch = queries_per_epoch
        self.negatives = negatives

    def check(self, truth: Truth) -> None:
        """Make sure, before anything is computed, that this train domain can be mined.

        Raises:
            InputError: Says what it lacks.
        """

    def plan(self, truth: Truth, rng: np.random.Generator) -> Plan:
        """Draw the queries of the next epoch and say which database images have to be described."""
        raise NotImplementedError

    def choose(
        self, truth: Truth, plan: Plan, queries: np.ndarray, database: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """(S, n) int64 negatives of the sampled queries, -1 where one is missing; see `mine` for the arguments."""
        raise NotImplementedError

    def mine(
        self, truth: Truth, plan: Plan, queries: np.ndarray, database: np.ndarray, rng: np.random.Generator
    ) -> Mined:
        """Choose positive and negatives of every sampled query.

        Args:
            truth: The train domain's truth.
            plan: What `plan` returned.
            queries: (S, D) float32 descriptors in the order of `plan.sampled`.
            database: (N, D) float32; only the rows of `plan.database` hold descriptors.
            rng: Source of randomness, in the state that `plan` left it in.
        """
        negatives, found = fill_up(self.choose(truth, plan, queries, database, rng))
        positives = best_positives(queries, database, truth.positives.select(plan.sampled))
        tuples = np.column_stack([truth.queries[plan.sampled], positives, negatives])
        return Mined(
            tuples[found > 0],
            {
                "queries": len(plan.sampled),
                "short_of_negatives": int(((found > 0) & (found < self.negatives)).sum()),
                "without_negatives": int((found == 0).sum()),
            },
        )

    def sample(self, truth: Truth, rng: np.random.Generator) -> np.ndarray:
        """(S,) int64 entries of `truth`, without replacement, in random order; all of them if there are too few."""
        return rng.choice(len(truth), min(self.queries_per_epoch, len(truth)), replace=False)


def draw_pool(size: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """(min(count, size),) int64 rows below `size`, without replacement, ascending."""
    return np.sort(rng.choice(size, min(count, size), replace=False))
