"""The same view by day and by night, from streets that no demo city has: what a translator is trained on.

A query and its night twin in the city's splits are two visits: another camera, other traffic. The two pictures of a
pair differ in light and sensor alone.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .builder import build_street
from .plan import CityPlan, SplitPlan, default_plan, find_site, generator, plan_shots
from .shoot import take_pair


class Pair(NamedTuple):
    """(rows, columns, 3) pictures of one view."""

    day: NDArray[np.uint8]
    night: NDArray[np.uint8]


def pairs_plan(pairs: int, rows: int = 240, columns: int = 320) -> CityPlan:
    """A plan whose last split is for pairs alone.

    The number of a split is part of every random seed. As this split has a number that train, val and test never have,
    its streets are others than theirs, whatever the seeds.

    Args:
        pairs: Pairs of each street.
        rows: Height of the pictures in pixels, a multiple of 8.
        columns: Width likewise.
    """
    alone = SplitPlan("pairs", streets=0, places=11, queries=pairs, night=False)
    return CityPlan((*default_plan(1).splits, alone), rows=rows, columns=columns)


def render_pairs(plan: CityPlan, seed: int, street: int) -> Iterator[Pair]:
    """Render the pairs of one street.

    Args:
        plan: See `pairs_plan`.
        seed: Which city.
        street: Number of the street; any, each is another street.

    Yields:
        The pairs, always the same for the same arguments.
    """
    site = find_site(plan, seed, len(plan.splits) - 1, street)
    built = build_street(generator(seed, site, "street"), site.district, site.half_length)
    for shot in plan_shots(plan, seed, site):
        if shot.kind == "queries":
            yield Pair(*take_pair(plan, seed, site, built, shot))
