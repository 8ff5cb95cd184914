"""What of a list of candidates says how sure its vote is: a few numbers without scale."""

from __future__ import annotations

import numpy as np

from geoloc.locate.vote import Vote, check

SIGNALS = ("support", "ratio", "gap", "away", "scatter")


def signals(vote: Vote, positions: np.ndarray, distances: np.ndarray, radius: float) -> np.ndarray:
    """The signals of each vote, in the order of `SIGNALS`.

    - support: share of the candidates' weight that lies within the radius of the vote;
    - ratio: least distance of a descriptor there over the least one elsewhere: near 1, another place looks as much like
      the query (0 where no candidate lies elsewhere);
    - gap: least distance of all over the mean one: near 1, no candidate stands out;
    - away: from the first candidate to the vote, in radii, at most 2;
    - scatter: median distance of all candidates to the vote, on a logarithmic scale of radii.

    Args:
        vote: Of these candidates.
        positions: (Q, k, A) float64 metres of the candidates, best first.
        distances: (Q, k) float L2 distances of the descriptors, in that order.
        radius: Metres, as in the vote.

    Returns:
        (Q, S) float64, finite.

    Raises:
        InputError: Shapes that differ, or a radius that is not above 0.
    """
    check(positions, distances, radius)
    far = distances.astype(np.float64)
    off = np.linalg.norm(positions - vote.xy[:, None], axis=2)
    there = off <= radius
    own = np.where(there, far, np.inf).min(axis=1)
    other = np.where(there, np.inf, far).min(axis=1)
    own = np.where(np.isfinite(own), own, far.max(axis=1))  # a mean may have no candidate within the radius
    return np.stack(
        [
            vote.support,
            np.where(np.isfinite(other), _over(own, other), 0),
            _over(far.min(axis=1), far.mean(axis=1)),
            np.minimum(off[:, 0] / radius, 2),
            np.log1p(np.median(off, axis=1) / radius),
        ],
        axis=1,
    )


def _over(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Quotient, at most 2; 1 where both are 0."""
    found = np.divide(part, whole, out=np.where(part > 0, 2.0, 1.0), where=whole > 0)
    return np.minimum(found, 2)
