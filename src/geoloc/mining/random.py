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
            close = truth.close.of(int(entry))
            allowed = truth.database_size - len(close)
            drawn = rng.choice(allowed, min(self.negatives, allowed), replace=False)
            # Number i of the allowed rows is i, and 1 more for each close row before it; no list of them is made.
            chosen[row, : len(drawn)] = drawn + np.searchsorted(close - np.arange(len(close)), drawn, side="right")
        return chosen
