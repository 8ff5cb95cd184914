"""What every process has found of its own queries, put together on all of them."""

from __future__ import annotations

import numpy as np
import torch
from pytorch_lightning.strategies import Strategy

from geoloc.predictions import Predictions


def gathered(strategy: Strategy, found: Predictions, queries: int) -> Predictions:
    """The predictions of all processes, from those of this one; see `gather`."""
    return Predictions(
        gather(strategy, found.ids, queries), gather(strategy, found.distances, queries), found.database_size
    )


def gather(strategy: Strategy, own: np.ndarray, queries: int) -> np.ndarray:
    """(Q, k) values of all processes in the order of the queries; process r holds queries r, r + world, ..."""
    world = getattr(strategy, "world_size", 1)  # of a single device there is none
    if world == 1:
        return own
    padded = np.zeros((-(-queries // world), own.shape[1]), own.dtype)
    padded[: len(own)] = own
    tensor = torch.from_numpy(padded).to(strategy.root_device)
    together = strategy.all_gather(tensor)  # (world, width, k)
    return together.transpose(0, 1).flatten(0, 1)[:queries].cpu().numpy()
