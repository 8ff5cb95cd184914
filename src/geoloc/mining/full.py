"""Full mining: the whole database is described, and each query remembers the hardest negatives of its last visit.

Arandjelovic et al., NetVLAD, CVPR 2016, appendix A; Berton et al., CVPR 2022, section 4.
"""

from __future__ import annotations

import numpy as np

from geoloc.mining.hardest import hardest_negatives
from geoloc.mining.miner import Miner, Plan, draw_pool
from geoloc.mining.truth import Truth


class Full(Miner):
    """For each query: a fresh random pool and its remembered negatives, of which the nearest are taken.

    Args:
        queries_per_epoch: Queries drawn for one epoch.
        negatives: Negatives of each query, and the number remembered.
        pool: Database images drawn for each query.
    """

    def __init__(self, queries_per_epoch: int = 1000, negatives: int = 10, pool: int = 1000) -> None:
        super().__init__(queries_per_epoch, negatives)
        self.pool = pool
        self.remembered = np.empty((0, negatives), np.int64)

    def plan(self, truth: Truth, rng: np.random.Generator) -> Plan:
        """See `Miner.plan`: every database image has to be described."""
        everything = np.arange(truth.database_size)
        return Plan(self.sample(truth, rng), everything, everything)

    def choose(
        self, truth: Truth, plan: Plan, queries: np.ndarray, database: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """See `Miner.choose`."""
        if len(self.remembered) != len(truth):
            self.remembered = np.full((len(truth), self.negatives), -1, np.int64)
        memory = self.remembered[plan.sampled]
        drawn = [draw_pool(truth.database_size, self.pool, rng) for _ in memory]
        own = np.sort(np.column_stack([np.stack(drawn), memory]), axis=1)
        own[:, 1:][own[:, 1:] == own[:, :-1]] = -1  # a remembered one that is drawn again
        close = truth.close.select(plan.sampled)
        # The pool is the whole database, so that a row is its place there.
        chosen = hardest_negatives(queries, database, plan.pool, close, self.negatives, only=own)
        self.remembered[plan.sampled] = chosen
        return chosen
