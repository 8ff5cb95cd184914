"""What follows from the predictions of a domain; worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geoloc.data.domains import Domain
from geoloc.places import PlaceSet
from geoloc.predictions import Predictions
from geoloc.result import Result, complete, scores_of

EAST = 500_000.0


def places(eastings, conditions=None):
    at = np.array([[EAST + east, 4_000_000.0] for east in eastings])
    names = np.array([f"{row}.jpg" for row in range(len(eastings))])
    return PlaceSet(Path("nowhere"), names, at, conditions=None if conditions is None else np.array(conditions))


@pytest.fixture
def judged():
    """Four queries at 0, 100, 200 and 900 m; database images every 50 m from 0 to 250; the last query has no answer."""
    domain = Domain("small", places(range(0, 300, 50)), places([0, 100, 200, 900], ["day", "night", "day", "night"]))
    positives = domain.positives(10.0)
    distances = np.tile(np.float32([0.1, 0.2, 0.3]), (4, 1))
    raw = Predictions(np.array([[1, 0, 2], [2, 0, 1], [0, 1, 2], [0, 1, 2]]), distances, 6)
    final = Predictions(np.array([[0, 1, 2], [0, 1, 2], [0, 1, 2], [0, 1, 2]]), distances, 6)
    ns = [1, 2, 3]
    return Result(
        *(domain, positives, final, scores_of(final, positives, ns, 10.0), {"search": 1.5}),
        raw=raw,
        raw_scores=scores_of(raw, positives, ns, 10.0),
    )


def test_scores(judged):
    # Query 0 wants row 0, query 1 row 2, query 2 row 4, which nobody found, and query 3 none.
    assert judged.scores.recalls == {1: 25, 2: 25, 3: 50}
    assert judged.raw_scores.recalls == {1: 25, 2: 50, 3: 50}
    assert judged.scores.recalls_answerable == {1: pytest.approx(100 / 3), 2: pytest.approx(100 / 3), 3: 200 / 3}
    assert (judged.scores.queries, judged.scores.answerable, judged.scores.database) == (4, 3, 6)
    assert judged.scores.radius_m == 10


def test_changes_are_those_of_single_queries(judged):
    done = complete(judged, [1, 2, 3])
    one, two, three = (done.changes[n] for n in (1, 2, 3))
    # R@1: query 0 helped, query 1 hurt. R@2: query 1 hurt.
    assert (one.before, one.after, one.helped, one.hurt, one.difference) == (25, 25, 25, 25, 0)
    assert (two.before, two.after, two.helped, two.hurt, two.difference) == (50, 25, 0, 25, -25)
    assert (three.helped, three.hurt, three.ci95, three.p) == (0, 0, (0, 0), 1)
    assert one.queries == 4


def test_what_is_complete(judged):
    done = complete(judged, [1, 2, 3])
    assert {name: scores.recalls for name, scores in done.slices.items()} == {
        "day": {1: 50, 2: 50, 3: 50},
        "night": {1: 0, 2: 0, 3: 50},
    }
    assert done.slices["night"].answerable == 1
    for n in (1, 2, 3):
        low, high = done.bootstrap95[n]
        assert low <= done.scores.recalls[n] <= high
    # First predictions are 0, 100, 200 and 900 m off.
    assert done.meters.median_first_m == 150
    assert (done.predictions, done.raw, done.seconds) == (judged.predictions, judged.raw, judged.seconds)


def test_what_is_left_out(judged):
    from dataclasses import replace

    plain = complete(replace(judged, raw=None, raw_scores=None), [1], sliced=False)
    assert (plain.changes, plain.slices) == ({}, {})
    assert list(plain.bootstrap95) == [1]


def test_recall_values_above_the_candidates_count_all_of_them(judged):
    assert scores_of(judged.raw, judged.positives, [3, 50], 10.0).recalls == {3: 50, 50: 50}
