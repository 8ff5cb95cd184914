"""One position from a ranked list of candidates: the densest place among them, and a weighted mean of what is there.

A candidate weighs by how far its descriptor's distance is along the way from the best to the last one of its list, so
neither the length nor the dimension of descriptors matters. The place is the candidate around which most weight stands;
only what lies within the radius of it is averaged, by steeper weights, so two far-apart clusters never are.

Both constants are those that located most queries, and with the least median error, on 19 labelled domains (demo city
by day and night, indoor and outdoor walks, webcams; a trained and an ImageNet network).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geoloc.errors import InputError

VOTERS = 20  # candidates of each query that vote, where there are as many
STEEPNESS = 3.0  # the last candidate of a list weighs exp(-3), 5 % of the best one, in the choice of the place
STEEPER = 4  # power of these weights in the mean: what looks most alike is mostly nearest, and decides on the metres
BLOCK = 2048  # queries whose (k, k) distances in metres are in memory at once


@dataclass(frozen=True)
class Vote:
    """A position for each query.

    Attributes:
        xy: (Q, A) float64 metres, in the frame of the candidates.
        support: (Q,) float64 in 0..1, share of the candidates' weight that lies within the radius of `xy`.
        spread: (Q,) float64 metres, weighted root mean square distance of those candidates to `xy`.
    """

    xy: np.ndarray
    support: np.ndarray
    spread: np.ndarray


def vote(positions: np.ndarray, distances: np.ndarray, radius: float) -> Vote:
    """Vote for the place where each query was taken.

    Args:
        positions: (Q, k, A) float64 metres of the candidates, best first.
        distances: (Q, k) float L2 distances of the descriptors, in that order.
        radius: Metres; about what counts as the same place.

    Raises:
        InputError: No candidate, shapes that differ, or a radius that is not above 0.

    Example:
        >>> xy = np.array([[[0.0, 0.0], [9000.0, 0.0], [10.0, 0.0]]])
        >>> vote(xy, np.array([[0.5, 0.5, 0.5]]), 25.0).xy.tolist()
        [[5.0, 0.0]]
    """
    check(positions, distances, radius)
    parts = [
        _vote(positions[start : start + BLOCK], distances[start : start + BLOCK], radius)
        for start in range(0, len(positions), BLOCK)
    ]
    if not parts:
        return Vote(np.empty((0, positions.shape[2])), np.empty(0), np.empty(0))
    return Vote(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def weights_of(distances: np.ndarray) -> np.ndarray:
    """What each candidate weighs; the first of a list weighs 1, and none more than one before it.

    Where post-processing has changed the order, the candidate at rank i weighs what the i-th smallest distance of its
    list says: the final order counts, and distances only say how fast it falls off.

    Args:
        distances: (Q, k) float.

    Returns:
        (Q, k) float64, each row from 1 downwards.

    Example:
        >>> weights_of(np.array([[0.8, 0.6, 1.0]])).round(3).tolist()
        [[1.0, 0.223, 0.05]]
    """
    ordered = np.sort(distances.astype(np.float64), axis=1)
    behind = ordered - ordered[:, :1]
    reach = behind[:, -1:]
    return np.exp(-STEEPNESS * np.divide(behind, reach, out=np.zeros_like(behind), where=reach > 0))


def check(positions: np.ndarray, distances: np.ndarray, radius: float) -> None:
    """Refuse what cannot be voted on.

    Raises:
        InputError: No candidate, shapes that differ, or a radius that is not above 0.
    """
    if positions.ndim != 3 or positions.shape[1] == 0:
        raise InputError(f"positions must be (Q, k, A) with at least one candidate, not {positions.shape}")
    if distances.shape != positions.shape[:2]:
        raise InputError(f"distances must be {positions.shape[:2]} as the positions are, not {distances.shape}")
    if not radius > 0:
        raise InputError(f"radius must be metres, above 0, not {radius}")


def _vote(positions: np.ndarray, distances: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    weights = weights_of(distances)
    offsets = positions - positions[:, :1]  # from the best candidate: small numbers lose no digits
    apart = np.linalg.norm(offsets[:, :, None] - offsets[:, None], axis=3)  # (Q, k, k) metres
    density = (np.maximum(1 - (apart / radius) ** 2, 0) * weights[:, None]).sum(axis=2)
    mode = density.argmax(axis=1)[:, None]  # of equal ones the first in the list
    near = np.take_along_axis(apart, mode[:, :, None], axis=1)[:, 0]  # (Q, k) metres to the mode
    own = np.where(near <= radius, weights, 0)
    own = (own / own.max(axis=1, keepdims=True)) ** STEEPER  # the mode itself is near, so the greatest is above 0
    xy = (own[:, :, None] * offsets).sum(axis=1) / own.sum(axis=1, keepdims=True)
    off = np.linalg.norm(offsets - xy[:, None], axis=2)
    around = np.where(off <= radius, weights, 0)
    total = around.sum(axis=1)
    spread = np.sqrt((around * off**2).sum(axis=1) / np.where(total > 0, total, 1))
    return positions[:, 0] + xy, total / weights.sum(axis=1), spread
