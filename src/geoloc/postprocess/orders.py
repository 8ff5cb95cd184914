"""Orders of a query's candidates by the groups that they form: a place where many candidates agree comes first.

Groups come from the positions of the candidates (geo_dbscan, geo_agglomerative, geo_neighbours). Four orders:

- size: group by group, the largest first; inside a group in the order of retrieval.
- size_distance: group by group, the largest first; inside a group by the distance of the descriptors.
- heads: first one head of each group, the largest group first; then the others, group by group in the same order.
- nearest_heads: the same, with the heads by the distance of their descriptors. So a nearest candidate that is ranked
  first stays first.

Nothing depends on chance: of two groups of one size the better ranked is first, and so is the better ranked of two
candidates at one distance. "Ranked" always means the order in which the candidates came in.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

Order = Literal["size", "size_distance", "heads", "nearest_heads"]


def check(name: str, order: str, depth: int | None) -> None:
    """Refuse what the step `name` cannot do.

    Raises:
        ValueError: An order that does not exist, or a depth below 0.
    """
    if order not in get_args(Order):
        raise ValueError(f"{name}.order: must be one of {', '.join(get_args(Order))}, not {order!r}")
    if depth is not None and depth < 0:
        raise ValueError(f"{name}.depth: must be at least 0, or null for all candidates, not {depth}")


def disjoint(labels: np.ndarray, distances: np.ndarray, order: Order, by_size: bool = True) -> np.ndarray:
    """Order candidates of which each is in one group.

    The head of a group is its best-ranked member; a group is as well ranked as its head.

    Args:
        labels: (Q, c) int in 0..c-1; candidates of a query that share a label are a group.
        distances: (Q, c) float, distances of the descriptors, in any order.
        order: One of the four.
        by_size: False: the better-ranked group comes first, whatever its size.

    Returns:
        (Q, c) int64 columns, the first to come first.

    Example:
        >>> disjoint(np.array([[0, 1, 1]]), np.array([[0.1, 0.3, 0.2]]), "size_distance").tolist()
        [[2, 1, 0]]
    """
    c = labels.shape[1]
    rank = np.broadcast_to(np.arange(c), labels.shape)
    rows = np.arange(len(labels))[:, None]
    flat = (rows * c + labels).ravel()
    size = np.bincount(flat, minlength=labels.size)[flat].reshape(labels.shape)
    first = np.full(labels.size, c)
    np.minimum.at(first, flat, rank.ravel())
    group = first[flat].reshape(labels.shape)  # rank of the best member
    if by_size:
        group = (c - size) * c + group
    head = first[flat].reshape(labels.shape) == rank
    if order == "size":
        return _sorted(group, rank)
    if order == "size_distance":
        return _sorted(group, places(distances))
    return _sorted(_turns(head, group, distances, order), group, rank)


def overlapping(
    members: np.ndarray, distances: np.ndarray, order: Order, preference: np.ndarray | None = None
) -> np.ndarray:
    """Order candidates that may be in several groups; one that has had its turn is passed over later.

    Group i is the group around candidate i and as well ranked as that. Its head is the member with the nearest
    descriptor.

    Args:
        members: (Q, c, c) bool, c at least 1; [q, i, j]: candidate j is in the group around candidate i. Each is in its
            own.
        distances: (Q, c) float, distances of the descriptors, in any order.
        order: One of the four.
        preference: (Q, c) int; of two groups of one size that of the smaller value comes first. None: the rank.

    Returns:
        (Q, c) int64 columns, the first to come first.
    """
    c = members.shape[1]
    rank = np.broadcast_to(np.arange(c), distances.shape)
    small = np.min_scalar_type(c)  # the arrays of pairs are large; one byte a pair is enough for c up to 255
    size = members.sum(axis=2, dtype=np.int32)
    place = places((c - size) * c + (rank if preference is None else preference))  # of group i among the groups
    others = np.multiply(~members, small.type(c), dtype=small)  # maximum(x, others): x for members, c for the others
    group = np.maximum(place.astype(small)[:, :, None], others).min(axis=1)  # first group of candidate j
    if order == "size":
        return _sorted(group, rank)
    near = places(distances)
    if order == "size_distance":
        return _sorted(group, near)
    nearest = np.maximum(near.astype(small)[:, None, :], others).argmin(axis=2)
    turn = np.full(distances.shape, c)  # place of the first group whose head is candidate j
    np.minimum.at(turn, (np.arange(len(turn))[:, None], nearest), place)
    return _sorted(_turns(turn < c, turn, distances, order), group, rank)


def places(values: np.ndarray) -> np.ndarray:
    """(Q, c) int64 place of each value of a row in ascending order, equal ones in the order of the columns."""
    order = np.argsort(values, axis=1, kind="stable")
    out = np.empty_like(order)
    np.put_along_axis(out, order, np.broadcast_to(np.arange(values.shape[1]), values.shape), axis=1)
    return out


def _turns(head: np.ndarray, group: np.ndarray, distances: np.ndarray, order: Order) -> np.ndarray:
    """(Q, c): heads by group or by distance; one value, above all of them, for those that are not heads."""
    turn = group if order == "heads" else places(distances)
    return np.where(head, turn, np.iinfo(np.int64).max)


def _sorted(*keys: np.ndarray) -> np.ndarray:
    """(Q, c) columns by the first key, equal ones by the next."""
    return np.lexsort(keys[::-1], axis=1)
