"""Queries that were taken one after the other vote together: a candidate counts if its neighbours lie along its way.

Milford and Wyeth, SeqSLAM: Visual Route-Based Navigation for Sunny Summer Days and Stormy Winter Nights, ICRA 2012:
the place of an image is that through which a straight line of constant velocity collects the least difference from the
images before and after it. There the line runs through frames of one drive; here it runs over the map, so that the
database may be photos in any order. Written from the paper.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ClassVar, get_args

import numpy as np

from geoloc.errors import InputError
from geoloc.postprocess.batches import batches, check_above_zero, check_at_least
from geoloc.postprocess.chain import Evidence, Need
from geoloc.postprocess.moments import Order, Taken, sequences

log = logging.getLogger(__name__)
# Share of neighbours along the way. Real walks have 0.96 and more; the same in any order, or scattered photos, less.
AGREED = 0.9
BLOCK = 2**16  # numbers of an array that is still in the processor's cache


class Sequence:
    """Order by the least sum of differences along a straight way through a candidate; ties keep the order as it came.

    - The difference of a candidate is its distance, less the mean of its query's list and divided by the deviation, so
      that a query by night has no larger say than one by day (the paper's local contrast).
    - A way through a candidate is a constant velocity in metres a second (a number, by name). Those are tried that lead
      to a candidate of the first or the last query of the window, and are as fast as `slowest` to `fastest`.
    - Along a way each other query of the window adds the least difference among its candidates within `radius` of the
      place that the way foretells, or that of its worst candidate if there is none. Only candidates are known, so a
      longer list (`saved_predictions=100`) knows more.

    A query without neighbours keeps its order.

    Args:
        order: What says which queries follow each other, see `moments`.
        window: Queries before and as many after one that vote with it.
        slowest: Metres a second, or a number by name; 0 takes standing still.
        fastest: Likewise.
        radius: Metres; how exactly a candidate must lie on the way: the database's spacing, and the curves of roads.
        gap: Seconds without a query that part a sequence; of order=time.
        depth: Candidates that are ordered anew, and that vote; None for all.

    Attributes:
        progress: Called with the queries done and their number.

    Raises:
        ValueError: An argument is out of its range.
    """

    needs: ClassVar[tuple[Need, ...]] = ("order",)

    def __init__(
        self,
        order: Order = "name",
        window: int = 5,
        slowest: float = 0.0,
        fastest: float = 40.0,
        radius: float = 15.0,
        gap: float = 60.0,
        depth: int | None = None,
    ) -> None:
        if order not in get_args(Order):
            raise ValueError(f"sequence.order: must be name or time, not {order!r}")
        check_at_least(1, window=window)
        check_at_least(0, slowest=slowest, depth=depth)
        check_at_least(slowest, fastest=fastest)
        check_above_zero(radius=radius, gap=gap)
        self.order, self.window, self.slowest, self.fastest = order, window, slowest, fastest
        self.radius, self.gap, self.depth = radius, gap, depth
        self.progress: Callable[[int, int], None] = lambda done, total: None

    def __call__(self, candidates: np.ndarray, distances: np.ndarray, evidence: Evidence) -> np.ndarray:
        """See `Step`.

        Raises:
            InputError: No query has a neighbour.
        """
        assert evidence.query_names is not None
        assert evidence.query_times is not None
        found = sequences(evidence.query_names, evidence.query_times, self.order, self.gap)
        _say(found, self.order)
        sums, places = contrast(distances), evidence.xy[candidates]
        total, shares, done = sums.copy(), np.full(sums.shape, np.nan), 0
        for taken in found:
            for middle, row in enumerate(taken.rows):
                first = max(0, middle - self.window)
                others = [number for number in range(first, middle + self.window + 1) if number != middle]
                others = [number for number in others if number < len(taken.rows)]
                if others:
                    rows, after = taken.rows[others], taken.at[others] - taken.at[middle]
                    collected, shares[row] = self._least(places[row], places[rows], sums[rows], after)
                    total[row] += collected
                done += 1
                self.progress(done, len(candidates))
        order = np.argsort(total, axis=1, kind="stable")
        _say_agreement(np.take_along_axis(shares, order[:, :1], axis=1))
        return order

    def _least(
        self, here: np.ndarray, places: np.ndarray, differences: np.ndarray, after: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Of each candidate the least sum that a way through it collects from the other queries.

        Args:
            here: (c, A) places of a query's candidates.
            places: (m, c, A) of those of the others, in the order of their moments.
            differences: (m, c) of those.
            after: (m,) moments after this query's; negative before it.

        Returns:
            (c,) sums; what no way leads through has the worst of each query. And (c,) shares of the others that have a
            candidate along that way.
        """
        worst = differences.max(axis=1)
        ends = [end for end in dict.fromkeys((0, len(after) - 1)) if after[end] != 0]
        least, share = np.full(len(here), worst.sum()), np.zeros(len(here))
        if not ends:
            return least, share
        goals = np.concatenate([places[end] for end in ends])  # (g, A)
        seconds = np.repeat(after[ends], places.shape[1])
        velocity = (goals - here[:, None]) / seconds[:, None]  # (c, g, A)
        speed = np.sqrt(np.square(velocity).sum(axis=-1))
        through, goal = np.nonzero((speed >= self.slowest) & (speed <= self.fastest))
        collected, along = np.zeros(len(through)), np.zeros(len(through))
        best_first = np.argsort(differences, axis=1, kind="stable")
        ranked = np.take_along_axis(differences, best_first, axis=1)
        axes = np.take_along_axis(places, best_first[..., None], axis=1).transpose(0, 2, 1).copy()  # (m, A, c)
        for part in batches(len(through), len(here), BLOCK):
            start, way = here[through[part]], velocity[through[part], goal[part]]  # (b, A)
            for number, moment in enumerate(after):
                foretold = start + way * moment
                apart = [np.square(a[:, None] - b) for a, b in zip(foretold.T, axes[number], strict=True)]
                near = sum(apart[1:], apart[0]) <= self.radius**2  # (b, c)
                first = near.argmax(axis=1)  # the best, as they come best first
                there = near[np.arange(len(near)), first]
                collected[part] += np.where(there, ranked[number, first], worst[number])
                along[part] += there
        np.minimum.at(least, through, collected)
        best = collected <= least[through]
        np.maximum.at(share, through[best], along[best] / len(after))
        return least, share


def contrast(distances: np.ndarray) -> np.ndarray:
    """(Q, c) distances less the mean of their row, in deviations of their row; 0 where all are equal."""
    apart = distances.astype(np.float64)
    apart -= apart.mean(axis=1, keepdims=True)
    deviation = apart.std(axis=1, keepdims=True)
    return np.divide(apart, deviation, out=np.zeros_like(apart), where=deviation > 1e-12)


def _say(found: list[Taken], order: str) -> None:
    """Log what the sequences are.

    Raises:
        InputError: There is none.
    """
    sizes = [len(taken.rows) for taken in found if len(taken.rows) > 1]
    alone = len(found) - len(sizes)
    if not sizes:
        what = "names differ in a last number alone" if order == "name" else "times follow each other"
        raise InputError(
            f"postprocess.sequence.order={order}: no two of {alone} queries are of one sequence, whose {what}; leave"
            " sequence out, or give the other order (name or time)"
        )
    log.info(
        "sequence: by order=%s, %d queries are in %d sequence%s of %d to %d%s",
        *(order, sum(sizes), len(sizes), "s" * (len(sizes) != 1), min(sizes), max(sizes)),
        f"; {alone} stand alone and keep their order" if alone else "",
    )


def _say_agreement(shares: np.ndarray) -> None:
    """Log how many neighbours lie along the ways that won: few of them, where the queries are no drive at all."""
    if shares.size == 0:  # no candidates
        return
    agreed = float(np.nanmean(shares))
    doubt = agreed < AGREED
    log.log(
        logging.WARNING if doubt else logging.INFO,
        "sequence: %.0f %% of the queries around one have a candidate along its way%s",
        *(100 * agreed, "; are they a drive or walk in this order? If not, leave sequence out" if doubt else ""),
    )
