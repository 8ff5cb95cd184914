"""Candidates that lie close together vote for each other, each with the weight of its similarity.

A kernel density estimate over the positions of the candidates: a wrong match stands alone as a rule, while the right
place is found in several database images at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from geoloc.errors import InputError
from geoloc.postprocess.batches import batches, check_above_zero, check_at_least, check_share
from geoloc.postprocess.chain import Evidence, Need
from geoloc.postprocess.geo_pairs import squared_distances

# Candidates, distances, evidence, and (Q, c) bool whether a candidate is correct.
Case = tuple[np.ndarray, np.ndarray, Evidence, np.ndarray]

GRID = tuple(round(0.05 * step, 2) for step in range(21))


class GeoDensity:
    """Order by (1 - w) p_i / max p + w f_i / max f, largest first; equal scores keep the order as it came.

    - p_i = exp(-d_i^2 / 2T), made to sum to 1 over the list. For descriptors of unit length 1 - d^2 / 2 is the cosine,
      so p is the softmax of the cosines at temperature T; other lengths ask for another T. d_i is the i-th smallest
      distance of the list: where a step before has changed the order, its order is believed, and the distances say
      only how fast belief falls from rank to rank.
    - f_i = sum_j p_j exp(-|x_i - x_j|^2 / 2h^2), j = i included: the density of belief where candidate i was taken.

    w = 0 keeps the order as it came, and w = 1 goes by density alone.

    Args:
        bandwidth: h in metres.
        temperature: T.
        weight: w in 0..1, or "auto": `tune` chooses it by the recall on the val domains.
        depth: Candidates that are ordered anew; None for all.

    Attributes:
        tuned: The weight that `tune` chose; None before.

    Raises:
        ValueError: An argument is out of its range.
    """

    needs: ClassVar[tuple[Need, ...]] = ()

    def __init__(
        self,
        bandwidth: float = 10.0,
        temperature: float = 0.1,
        weight: float | Literal["auto"] = "auto",
        depth: int | None = 20,
    ) -> None:
        check_above_zero(bandwidth=bandwidth, temperature=temperature)
        check_at_least(0, depth=depth)
        if isinstance(weight, str):
            if weight != "auto":
                raise ValueError(f'weight must be a number in 0..1 or "auto", not "{weight}"')
        else:
            check_share(weight=weight)
        self.bandwidth, self.temperature, self.weight, self.depth = bandwidth, temperature, weight, depth
        self.tuned: float | None = None

    @property
    def tunable(self) -> bool:
        """Whether `tune` must choose the weight."""
        return self.weight == "auto" and self.depth != 0

    def __call__(self, candidates: np.ndarray, distances: np.ndarray, evidence: Evidence) -> np.ndarray:
        """See `Step`.

        Raises:
            InputError: The weight is "auto", and nothing has tuned it.
        """
        weight = self.tuned if isinstance(self.weight, str) else self.weight
        if weight is None:
            raise InputError(
                'postprocess: GeoDensity with weight="auto" needs predictions on val domains to choose its weight by;'
                " give a number in 0..1 where there are none"
            )
        belief, density = self._votes(candidates, distances, evidence)
        return np.argsort(-_score(belief, density, weight), axis=1, kind="stable")

    def tune(self, cases: Sequence[Case]) -> dict[str, float]:
        """Choose the weight that gives the best mean recall at 1 over the val domains, and keep it in `tuned`.

        The grid is 0, 0.05, ..., 1 and holds 0, which changes nothing, so recall at 1 on the cases never falls. Of
        weights that are equally good the smallest is taken.

        Args:
            cases: One for each val domain: candidates (Q, c) int64, distances (Q, c) float32, the evidence, and
                (Q, c) bool whether a candidate is correct. Candidates beyond the depth are ignored.

        Returns:
            weight, and the mean recall at 1 in percent of all queries: r1_before without the step, r1_after with it.

        Raises:
            InputError: No case, or one without queries or candidates.
        """
        if not cases or any(correct.size == 0 for *_, correct in cases):
            raise InputError('postprocess: GeoDensity with weight="auto" needs val domains with queries and candidates')
        votes = []
        for candidates, distances, evidence, correct in cases:
            head = np.s_[:, : self.depth]
            votes.append((*self._votes(candidates[head], distances[head], evidence), correct))
        recalls = [float(np.mean([_recall_at_1(*vote, weight) for vote in votes])) for weight in GRID]
        # Means of the same recalls may differ in their last digit.
        chosen = int(np.flatnonzero(np.array(recalls) > max(recalls) - 1e-9)[0])
        self.tuned = GRID[chosen]
        return {"weight": GRID[chosen], "r1_before": recalls[0], "r1_after": recalls[chosen]}

    def _votes(
        self, candidates: np.ndarray, distances: np.ndarray, evidence: Evidence
    ) -> tuple[np.ndarray, np.ndarray]:
        """Belief p / max p and density f / max f, both (Q, c) float64."""
        ordered = np.sort(distances.astype(np.float64), axis=1)
        belief = np.exp((ordered[:, :1] ** 2 - ordered**2) / (2 * self.temperature))  # p / max p
        # Weight 0 keeps the order only if belief never rises, and exp may do so by its last digit.
        belief = np.minimum.accumulate(belief, axis=1)
        density = np.empty_like(belief)
        for rows in batches(len(candidates), 4 * candidates.shape[1] ** 2):
            apart = squared_distances(evidence.xy[candidates[rows]])  # (b, c, c) square metres
            kernel = np.exp(-apart / (2 * self.bandwidth**2))
            density[rows] = (kernel * belief[rows, None]).sum(axis=-1)
        return belief, density / density.max(axis=1, keepdims=True)


def _score(belief: np.ndarray, density: np.ndarray, weight: float) -> np.ndarray:
    return (1 - weight) * belief + weight * density


def _recall_at_1(belief: np.ndarray, density: np.ndarray, correct: np.ndarray, weight: float) -> float:
    first = _score(belief, density, weight).argmax(axis=1)  # the first of equal scores, as in a stable sort
    return 100 * float(correct[np.arange(len(first)), first].mean())
