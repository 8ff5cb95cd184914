"""The chain, with steps whose orders are known beforehand."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from geoloc.errors import InputError
from geoloc.postprocess.chain import Evidence, apply, apply_all
from geoloc.predictions import Predictions

FOUND = Predictions(np.array([[4, 2, 7, 1], [0, 3, 5, 6]]), np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32), 8)
NOTHING = Evidence(xy=np.zeros((8, 2)), panos=np.full(8, ""))


class Reversed:
    """The candidates it is shown, last one first."""

    needs: ClassVar = ()

    def __init__(self, depth=None):
        self.depth = depth

    def __call__(self, candidates, distances, evidence):
        return np.broadcast_to(np.arange(candidates.shape[1])[::-1], candidates.shape)


@pytest.mark.parametrize(
    ("depth", "ids", "distances"),
    [
        (None, [1, 7, 2, 4], [4, 3, 2, 1]),
        (9, [1, 7, 2, 4], [4, 3, 2, 1]),
        (3, [7, 2, 4, 1], [3, 2, 1, 4]),
        (1, [4, 2, 7, 1], [1, 2, 3, 4]),
        (0, [4, 2, 7, 1], [1, 2, 3, 4]),
    ],
)
def test_distances_go_with_their_candidates_and_the_tail_stays(depth, ids, distances):
    found = apply(Reversed(depth), FOUND, NOTHING)
    assert found.ids[0].tolist() == ids
    assert found.distances[0].tolist() == distances
    assert found.database_size == 8


def test_a_chain_is_applied_in_its_order():
    # 4 2 7 1 -> 1 7 2 4 -> 7 1 2 4; the other way round 4 2 7 1 -> 2 4 7 1 -> 1 7 4 2.
    assert apply_all([Reversed(), Reversed(2)], FOUND, NOTHING).ids[0].tolist() == [7, 1, 2, 4]
    assert apply_all([Reversed(2), Reversed()], FOUND, NOTHING).ids[0].tolist() == [1, 7, 4, 2]
    assert apply_all([], FOUND, NOTHING) is FOUND


@pytest.mark.parametrize("order", [[0, 0, 1, 2], [0, 1, 2, 4], [1, 2, 3, 4], [0, 1, 2]])
def test_what_is_no_permutation_is_refused(order):
    class Wrong(Reversed):
        def __call__(self, candidates, distances, evidence):
            return np.array([order] * len(candidates))

    with pytest.raises(ValueError, match="Wrong: returned no permutation"):
        apply(Wrong(), FOUND, NOTHING)


@pytest.mark.parametrize(
    ("need", "said"),
    [("descriptors", "Reversed needs descriptors; keep_descriptors=true"), ("photos", "needs the photos")],
)
def test_what_a_step_needs_must_be_there(need, said):
    step = Reversed()
    step.needs = (need,)
    with pytest.raises(InputError, match=said):
        apply(step, FOUND, NOTHING)


def test_evidence_of_some_queries():
    known = Evidence(
        NOTHING.xy, NOTHING.panos, queries=np.arange(6).reshape(3, 2), query_photo=lambda row: f"photo {row}"
    ).select(np.array([2, 0]))
    assert known.queries.tolist() == [[4, 5], [0, 1]]
    assert [known.query_photo(row) for row in (0, 1)] == ["photo 2", "photo 0"]
