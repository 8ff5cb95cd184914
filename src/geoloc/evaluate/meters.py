"""How far off, in metres: of the best prediction, and of a position made from several.

Recall asks only whether a prediction lies within one radius; metres tell what other radii would say, and by how much
the best prediction misses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geoloc.errors import InputError

RADII = (1, 2, 5, 10, 15, 25, 50, 100)  # metres; 25 is what the benchmarks ask for
TOP = 5
TEMPERATURE = 0.1
NEAR = 25.0  # metres


@dataclass(frozen=True)
class Meters:
    """Errors of one domain.

    Attributes:
        median_first_m: Median over the queries of the distance to the best prediction, in metres.
        median_geo_error_m: Median of the distance to the position made from several predictions, in metres.
        curve: Radius in metres -> recall at 1 in percent.
    """

    median_first_m: float
    median_geo_error_m: float
    curve: dict[float, float]


def summarise(
    ids: np.ndarray,
    distances: np.ndarray,
    queries_xy: np.ndarray,
    database_xy: np.ndarray,
    radii: Sequence[float] = RADII,
) -> Meters:
    """Errors of a domain's predictions, with the default way of making positions.

    Args:
        ids: (Q, k) int64 database rows, best first.
        distances: (Q, k) float L2 distances of the descriptors.
        queries_xy: (Q, 2) float64, metres.
        database_xy: (N, 2) float64, metres, same frame.
        radii: Metres.

    Raises:
        InputError: No query or no candidate, or lengths that differ.
    """
    first = first_meters(ids, queries_xy, database_xy)
    positions = predicted_positions(ids, distances, database_xy)
    return Meters(median(first), median(geo_error(positions, queries_xy)), recall_curve(first, radii))


def first_meters(ids: np.ndarray, queries_xy: np.ndarray, database_xy: np.ndarray) -> np.ndarray:
    """Metres from each query to its best prediction.

    Args:
        ids: (Q, k) int64 database rows, best first.
        queries_xy: (Q, 2) float64, metres.
        database_xy: (N, 2) float64, metres, same frame.

    Returns:
        (Q,) float64.

    Raises:
        InputError: No candidate, or not one row of ids for each query.

    Example:
        >>> first_meters(np.array([[1, 0]]), np.array([[0.0, 0.0]]), np.array([[0.0, 0.0], [3.0, 4.0]])).tolist()
        [5.0]
    """
    _check(ids)
    return geo_error(database_xy[ids[:, 0]], queries_xy)


def geo_error(positions: np.ndarray, queries_xy: np.ndarray) -> np.ndarray:
    """Metres between predicted and true positions.

    Args:
        positions: (Q, 2) float64, metres.
        queries_xy: (Q, 2) float64, metres, same frame.

    Returns:
        (Q,) float64.

    Raises:
        InputError: The shapes differ.
    """
    if positions.shape != queries_xy.shape:
        raise InputError(f"predictions of {len(positions)} queries, but {len(queries_xy)} true positions")
    return np.linalg.norm(positions - queries_xy, axis=1)


def median(meters: np.ndarray) -> float:
    """Median of (Q,) metres.

    Raises:
        InputError: No query.
    """
    if len(meters) == 0:
        raise InputError("no query, so there is no median of metres")
    return float(np.median(meters))


def recall_curve(meters: np.ndarray, radii: Sequence[float] = RADII) -> dict[float, float]:
    """Recall at 1 as a function of the radius.

    Args:
        meters: (Q,) of the best predictions, from `first_meters`.
        radii: Metres; a prediction at exactly this distance counts.

    Returns:
        Radius -> percent of all queries.

    Raises:
        InputError: No query.

    Example:
        >>> recall_curve(np.array([3.0, 25.0, 40.0, 900.0]), [5, 25, 100])
        {5: 25.0, 25: 50.0, 100: 75.0}
    """
    if len(meters) == 0:
        raise InputError("no query, so there is no recall at any radius")
    return {radius: 100 * float((meters <= radius).mean()) for radius in radii}


def predicted_positions(
    ids: np.ndarray,
    distances: np.ndarray,
    database_xy: np.ndarray,
    top: int = TOP,
    temperature: float = TEMPERATURE,
    near: float = NEAR,
) -> np.ndarray:
    """A position for each query: the weighted mean of those of its top candidates that stand near the best one.

    Candidate i weighs exp(-(d_i^2 - d_1^2) / temperature), over the sum of these. Those farther than `near` metres from
    the best candidate weigh nothing, so the position never leaves that circle: a candidate in another city cannot pull
    it to a place between the two where neither was. After a step that orders anew, the best candidate may not have the
    least distance; none weighs more than it.

    Args:
        ids: (Q, k) int64 database rows, best first.
        distances: (Q, k) float L2 distances of the descriptors.
        database_xy: (N, 2) float64, metres.
        top: Candidates that are looked at; above k counts as k. 1 is the best candidate's own position.
        temperature: Of the softmax, in squared distance of descriptors; the default suits unit length, where squared
            distances lie in 0..4. The lower, the nearer to the best candidate.
        near: Metres.

    Returns:
        (Q, 2) float64, metres.

    Raises:
        InputError: No candidate, or an argument out of its range.

    Example:
        >>> xy = np.array([[0.0, 0.0], [10.0, 0.0], [9000.0, 0.0]])
        >>> predicted_positions(np.array([[0, 2, 1]]), np.array([[0.5, 0.5, 0.5]]), xy).tolist()
        [[5.0, 0.0]]
    """
    _check(ids)
    if ids.shape != distances.shape:
        raise InputError(f"ids {ids.shape} and distances {distances.shape} must both be (Q, k)")
    if top < 1:
        raise InputError(f"top must be at least 1, not {top}")
    if not temperature > 0:
        raise InputError(f"temperature must be above 0, not {temperature}")
    if not near >= 0:
        raise InputError(f"near must be metres, 0 or more, not {near}")
    squared = distances[:, :top].astype(np.float64) ** 2
    behind = np.maximum(squared - squared[:, :1], 0)
    xy = database_xy[ids[:, :top]]  # (Q, top, 2)
    offsets = xy - xy[:, :1]  # from the best candidate: small numbers lose no digits in the mean
    weights = np.where(np.linalg.norm(offsets, axis=2) <= near, np.exp(-behind / temperature), 0)
    # The best candidate weighs 1, so the sum is never 0.
    return xy[:, 0] + (weights[:, :, None] * offsets).sum(axis=1) / weights.sum(axis=1, keepdims=True)


def _check(ids: np.ndarray) -> None:
    if ids.ndim != 2 or ids.shape[1] == 0:
        raise InputError(f"ids must be (Q, k) with at least one candidate, not {ids.shape}")
