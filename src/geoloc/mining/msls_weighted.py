"""Partial mining that draws queries of rare conditions more often: by night, and sideways.

Warburg et al., Mapillary Street-Level Sequences, CVPR 2020; the weights are those of Berton et al., CVPR 2022.
"""

from __future__ import annotations

import numpy as np

from geoloc.errors import InputError
from geoloc.mining.partial import Partial
from geoloc.mining.truth import Truth


class MslsWeighted(Partial):
    """Draws a query with weight 1, plus N / (number by night) if by night, plus N / (number sideways) if sideways.

    N is the number of usable queries. The note field of file names says what a query is: it starts with `day` or
    `night`, and its second word is `forward`, `backward` or `sideways`, parted by underscores. Any data set with such
    notes will do.

    Args:
        queries_per_epoch: Queries drawn for one epoch.
        negatives: Negatives of each query.
        pool: Size of the pool.
    """

    def check(self, truth: Truth) -> None:
        """See `Miner.check`: some query must be of a rare condition."""
        if (query_weights(truth.notes) == 1).all():
            raise InputError(
                "miner=msls_weighted: no train query is noted as night or sideways; field 14 of file names must say"
                " so, such as @...@night_sideways_cph@.jpg; miner=partial draws all queries alike"
            )

    def sample(self, truth: Truth, rng: np.random.Generator) -> np.ndarray:
        """See `Miner.sample`."""
        weights = query_weights(truth.notes)
        count = min(self.queries_per_epoch, len(truth))
        return rng.choice(len(truth), count, replace=False, p=weights / weights.sum())


def query_weights(notes: np.ndarray) -> np.ndarray:
    """(T,) float64 weight of each query.

    Example:
        >>> query_weights(np.array(["day_forward_a", "night_forward_a", "night_sideways_b", "day_forward_b"])).tolist()
        [1.0, 3.0, 7.0, 1.0]
    """
    words = [str(note).split("_") for note in notes]
    weights = np.ones(len(notes))
    for rare in (
        np.array([word[0] == "night" for word in words], bool),
        np.array([len(word) > 1 and word[1] == "sideways" for word in words], bool),
    ):
        if rare.any():
            weights[rare] += len(notes) / rare.sum()
    return weights
