"""How far off, in metres: of the best prediction, and of the position that several vote for.

Recall asks only whether a prediction lies within one radius; metres tell what other radii would say, and by how much
the best prediction misses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geoloc.errors import InputError

RADII = (1, 2, 5, 10, 15, 25, 50, 100)  # metres; 25 is what the benchmarks ask for


@dataclass(frozen=True)
class Meters:
    """Errors of one domain.

    Attributes:
        median_first_m: Median over the queries of the distance to the best prediction, in metres.
        median_geo_error_m: Median of the distance to the voted position, in metres.
        curve: Radius in metres -> recall at 1 in percent.
    """

    median_first_m: float
    median_geo_error_m: float
    curve: dict[float, float]


def summarise(
    ids: np.ndarray,
    positions: np.ndarray,
    queries_xy: np.ndarray,
    database_xy: np.ndarray,
    radii: Sequence[float] = RADII,
) -> Meters:
    """Errors of a domain's predictions.

    Args:
        ids: (Q, k) int64 database rows, best first.
        positions: (Q, 2) float64, metres, that were voted for.
        queries_xy: (Q, 2) float64, metres, same frame.
        database_xy: (N, 2) float64, metres, same frame.
        radii: Metres.

    Raises:
        InputError: No query or no candidate, or lengths that differ.
    """
    first = first_meters(ids, queries_xy, database_xy)
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


def _check(ids: np.ndarray) -> None:
    if ids.ndim != 2 or ids.shape[1] == 0:
        raise InputError(f"ids must be (Q, k) with at least one candidate, not {ids.shape}")
