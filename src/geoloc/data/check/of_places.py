"""Findings about positions: what can be found, what is to be found too easily, and positions far from all others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.spatial import cKDTree

from geoloc.data.check.subject import SHOWN, Finding, Subject, number

MOST = 0.5  # share of the database that may lie within the radius of an average query
FAR = 1000.0  # metres to the next position beyond which a position may be an error
FAR_TIMES = 10.0  # and times the usual distance to the next position


def of_places(
    subject: Subject, recall_values: Sequence[int], negative_radius: float, negatives: int
) -> Iterator[Finding]:
    """Everything about the positions of a domain.

    Args:
        subject: The domain.
        recall_values: N of the recalls that are asked for.
        negative_radius: Metres beyond which a database image may be a training negative.
        negatives: Of a training tuple.
    """
    yield from _positives(subject)
    if subject.stage == "train":
        yield from _negatives(subject, negative_radius, negatives)
    else:
        yield from _depth(subject, recall_values)
    yield from _outliers(subject)


def _positives(subject: Subject) -> Iterator[Finding]:
    counts = subject.positives.counts
    without = np.flatnonzero(counts == 0)
    name = "positive" if subject.stage == "train" else "eval"
    near = f"within {subject.radius:g} m"
    if len(without) == len(counts):
        yield Finding(
            True,
            subject.where,
            f"no query has a database image {near}",
            f"check the positions of queries and database, or radius.{name}",
        )
    elif len(without):
        left = "are left out of training" if subject.stage == "train" else "count as misses in recall"
        queries = subject.domain.queries
        yield Finding(
            False,
            subject.where,
            f"{len(without)} of {len(counts)} queries have no database image {near}",
            f"they {left}",
            tuple(str(queries.path(int(row))) for row in without[:SHOWN]),
        )
    share = searched_share(subject)
    if share > MOST and len(subject.domain.database) > 1:
        yield Finding(
            True,
            subject.where,
            f"{share:.0%} of the database images are {near} of an average query",
            "are the positions metres? Degrees, or a radius too large for the place, make every answer right",
        )


def searched_share(subject: Subject) -> float:
    """Share of the database that is searched for a query that lies within the radius, on average."""
    sizes = {group: len(rows) for group, rows in subject.domain.groups().items()}
    assert subject.domain.queries.groups is not None
    searched = np.array([sizes[group] for group in subject.domain.queries.groups.tolist()])
    return float((subject.positives.counts / searched).mean())


def _negatives(subject: Subject, radius: float, wanted: int) -> Iterator[Finding]:
    left = len(subject.domain.database) - subject.domain.within(radius).counts
    few = np.flatnonzero((left < wanted) & (subject.positives.counts > 0))
    if len(few):
        yield Finding(
            False,
            subject.where,
            f"{number(len(few), 'query', 'queries')} can have fewer than {wanted} negatives (database images farther"
            f" than radius.negative={radius:g} m), at worst {left[few].min()}",
            "a tuple repeats some, and a query without any is not trained on; lower radius.negative or miner.negatives",
        )


def _depth(subject: Subject, recall_values: Sequence[int]) -> Iterator[Finding]:
    group, size, uneven = subject.domain.smallest_group()
    beyond = [n for n in recall_values if n > size]
    if not beyond:
        return
    what = f"R@{beyond[0]} is asked for, and there are only {size} database images"
    yield Finding(
        uneven,
        subject.where,
        f"{what} in the group {group}" if uneven else what,
        "set recall_values to at most that" + (", or leave the group out" if uneven else "; beyond, all count"),
    )


def _outliers(subject: Subject) -> Iterator[Finding]:
    domain = subject.domain
    far = outliers(np.concatenate([domain.database.xy, domain.queries.xy]))
    rows = np.flatnonzero(far > 0)
    if len(rows):
        paths = domain.paths()
        yield Finding(
            False,
            subject.where,
            f"{number(len(rows), 'image lies', 'images lie')} far from all others"
            f" ({far[rows].min() / 1000:.1f} km and more)",
            "look at their positions: a wrong digit, zone or sign?",
            tuple(f"{paths[row]}: {far[row] / 1000:.1f} km from the next" for row in rows[:SHOWN]),
        )


def outliers(xy: np.ndarray) -> np.ndarray:
    """Positions that are suspicious since no other is near.

    Farther than 1 km from the next position, and than 10 times the median of that distance over all positions. Images
    at the same position, such as the views of a panorama, are one. Two wrong positions side by side are not noticed.

    Args:
        xy: (N, 2) or (N, 3) float64 metres.

    Returns:
        (N,) float64: metres to the next position where it is suspicious, else 0.

    Example:
        >>> outliers(np.array([[0.0, 0], [10, 0], [20, 0], [20, 0], [30, 0], [5030, 0]])).tolist()
        [0.0, 0.0, 0.0, 0.0, 0.0, 5000.0]
    """
    next_one, own = spacing(xy)
    if len(next_one) < 3:
        return np.zeros(len(xy))
    limit = max(FAR, FAR_TIMES * float(np.median(next_one)))
    return np.where(next_one > limit, next_one, 0.0)[own]


def spacing(xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(U,) metres from each different position to the next, and (N,) int64 which of them each image has."""
    places, own = np.unique(xy.round(2), axis=0, return_inverse=True)
    if len(places) < 2:
        return np.full(len(places), np.inf), own.ravel()
    return cKDTree(places).query(places, k=2)[0][:, 1], own.ravel()
