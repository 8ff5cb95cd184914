"""Partial mining, the benchmark's default: one random pool of database images is searched for all queries of an epoch.

Berton et al., Deep Visual Geo-localization Benchmark, CVPR 2022, section 4.
"""

from __future__ import annotations

import numpy as np

from geoloc.mining.hardest import hardest_negatives
from geoloc.mining.miner import Miner, Plan, draw_pool
from geoloc.mining.truth import Truth


class Partial(Miner):
    """Negatives are the nearest images of a pool that is drawn anew each epoch and shared by all queries.

    Args:
        queries_per_epoch: Queries drawn for one epoch.
        negatives: Negatives of each query.
        pool: Size of the pool.
    """

    def __init__(self, queries_per_epoch: int = 1000, negatives: int = 10, pool: int = 1000) -> None:
        super().__init__(queries_per_epoch, negatives)
        self.pool = pool

    def plan(self, truth: Truth, rng: np.random.Generator) -> Plan:
        """See `Miner.plan`: the pool and the positives of the sampled queries have to be described."""
        sampled = self.sample(truth, rng)
        pool = draw_pool(truth.database_size, self.pool, rng)
        return Plan(sampled, np.union1d(pool, truth.positives.select(sampled).rows), pool)

    def choose(
        self, truth: Truth, plan: Plan, queries: np.ndarray, database: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """See `Miner.choose`."""
        return hardest_negatives(queries, database, plan.pool, truth.close.select(plan.sampled), self.negatives)
