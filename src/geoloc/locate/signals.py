"""What of a list of candidates says how sure its vote is: a few numbers without scale.

Chosen by how well they rank votes of other domains than they were fitted on: these three beat any one of them, and
neither the bare distance, the spread in metres nor a second place's weight added anything.
"""

from __future__ import annotations

import numpy as np

from geoloc.locate.vote import Vote, check

SIGNALS = ("support", "ratio", "gap")


def signals(vote: Vote, positions: np.ndarray, distances: np.ndarray, radius: float) -> np.ndarray:
    """The signals of each vote, in the order of `SIGNALS`.

    - support: share of the candidates' weight that lies within the radius of the vote;
    - ratio: least distance of a descriptor there over the least one elsewhere: near 1, another place looks as much like
      the query (0 where no candidate lies elsewhere);
    - gap: least distance of all over the mean one: near 1, no candidate stands out.

    Args:
        vote: Of these candidates.
        positions: (Q, k, A) float64 metres of the candidates, best first.
        distances: (Q, k) float L2 distances of the descriptors, in that order.
        radius: Metres, as in the vote.

    Returns:
        (Q, S) float64, finite.

    Raises:
        InputError: Shapes that differ, or a radius that is not above 0.

    Example:
        >>> from geoloc.locate.vote import vote
        >>> xy, distances = np.array([[[0.0, 0.0], [10.0, 0.0], [900.0, 0.0]]]), np.array([[0.4, 0.6, 0.8]])
        >>> signals(vote(xy, distances, 25.0), xy, distances, 25.0).round(3).tolist()
        [[0.961, 0.5, 0.667]]
    """
    check(positions, distances, radius)
    far = distances.astype(np.float64)
    there = np.linalg.norm(positions - vote.xy[:, None], axis=2) <= radius
    own = np.where(there, far, np.inf).min(axis=1, initial=np.inf)
    other = np.where(there, np.inf, far).min(axis=1, initial=np.inf)
    # A mean of candidates in a ring has none within the radius: then nothing stands there.
    own = np.where(np.isfinite(own), own, far.max(axis=1, initial=0))
    ratio = np.where(np.isfinite(other), _over(own, other), 0)
    return np.stack([vote.support, ratio, _over(far.min(axis=1, initial=np.inf), far.mean(axis=1))], axis=1)


def _over(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Quotient, at most 2; 1 where both are 0."""
    found = np.divide(part, whole, out=np.where(part > 0, 2.0, 1.0), where=whole > 0)
    return np.minimum(found, 2)
