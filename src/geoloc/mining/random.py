"""Random mining: negatives are drawn blindly; only the best positive is chosen by descriptors."""

from __future__ import annotations

import numpy as np

from geoloc.mining.miner import Miner, Plan
from geoloc.mining.truth import Truth


class Random(Miner):
    """Negatives are random database images that are not close in metres. Cheap, and a baseline for the others."""

    def plan(self, truth: Truth, rng: np.random.Generator) -> Plan:
        """See `Miner.plan`: only the positives of the sampled queries have to be described."""
        sampled = self.sample(truth, rng)
        return Plan(sampled, np.unique(truth.positives.select(sampled).rows), np.empty(0, np.int64))

    def choose(
        self, truth: Truth, plan: Plan, queries: np.ndarray, database: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """See `Miner.choose`."""
        chosen = np.full((len(plan.sampled), self.negatives), -1, np.int64)
        for row, entry in enumerate(plan.sampled):
            allowed = np.setdiff1d(np.arange(truth.database_size), truth.close.of(int(entry)), assume_unique=True)
            drawn = rng.choice(allowed, min(self.negatives, len(allowed)), replace=False)
            chosen[row, : len(drawn)] = drawn
        return chosen
