"""Searching in sequence: by hand, against a slow reference, and on real walks where they are at hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from PIL import Image

from geoloc.data.domains import folder
from geoloc.errors import InputError
from geoloc.evaluate.recall import correct
from geoloc.postprocess.chain import Evidence, apply, evidence_of
from geoloc.postprocess.sequence import Sequence, contrast
from geoloc.predictions import Predictions

LOOSE = {"slowest": 0.0, "fastest": 1000.0, "radius": 1.0}


def known(xy, names, times=None):
    texts = np.array(times) if times else np.full(len(names), "")
    return Evidence(np.array(xy, float), np.full(len(xy), ""), query_names=np.array(names), query_times=texts)


def frames(numbers):
    return [f"walk/{number:04}.jpg" for number in numbers]


# Five photos of a street 10 m apart, and one far away that looks like any of them.
STREET = [[0.0, 0.0], [10.0, 0.0], [20.0, 0.0], [30.0, 0.0], [40.0, 0.0], [900.0, 900.0]]
IDS = np.array([[1, 5, 0], [5, 2, 4], [3, 5, 1]])
APART = np.array([[0.2, 0.4, 0.6], [0.3, 0.4, 0.8], [0.2, 0.5, 0.8]], np.float32)


def test_the_way_of_a_walk_by_hand():
    """Before and after, the walker was at 10 and 30 m: so he was at 20 m, and not where he seemed to be."""
    order = Sequence(window=1, **LOOSE)(IDS, APART, known(STREET, frames([1, 2, 3])))
    assert order.tolist() == [[0, 1, 2], [1, 0, 2], [0, 1, 2]]
    z = contrast(APART)
    # The middle query: photo 5 lies on a way with photo 5 of both neighbours (it stands still), photo 2 with 1 and 3.
    still, walked = z[1, 0] + z[0, 1] + z[2, 1], z[1, 1] + z[0, 0] + z[2, 0]
    assert walked < still
    totals, shares = Sequence(window=1, **LOOSE)._least(
        np.array(STREET)[IDS[1]], np.array(STREET)[IDS[[0, 2]]], z[[0, 2]], np.array([-1.0, 1.0])
    )
    assert totals.tolist() == pytest.approx([z[0, 1] + z[2, 1], z[0, 0] + z[2, 0], z[0, 0] + z[2].max()], abs=1e-12)
    assert shares.tolist() == [1, 1, 0.5]


def test_a_band_of_velocities():
    """At 10 m a frame photo 5 cannot have stood still, and a walker slower than that has not come along."""
    evidence = known(STREET, frames([1, 2, 3]))
    step = Sequence(window=1, slowest=8, fastest=12, radius=1)
    # Photo 4 could be on the way back to 30 m, -1.22 there and 1.22 before, and photo 5 on none, 1.22 twice.
    assert step(IDS, APART, evidence)[1].tolist() == [1, 2, 0]
    slow = Sequence(window=1, slowest=0, fastest=9, radius=1)
    assert slow(IDS, APART, evidence)[1].tolist() == [0, 1, 2]  # only standing still is left


def test_frames_that_are_left_out_count():
    """From 10 m to 40 m in three frames, with the second of them left out: then the third is at 30 m."""
    ids = np.array([[1, 5], [5, 3], [4, 5]])
    apart = np.array([[0.1, 0.9], [0.1, 0.2], [0.1, 0.9]], np.float32)
    step = Sequence(window=1, slowest=8, fastest=12, radius=1)
    assert step(ids, apart, known(STREET, frames([1, 3, 4])))[1, 0] == 1
    assert step(ids, apart, known(STREET, frames([1, 2, 3])))[1, 0] == 0
    times = [f"2024-06-01T12:00:{second:02}" for second in (10, 12, 13)]
    by_time = Sequence(order="time", window=1, slowest=8, fastest=12, radius=1)
    assert by_time(ids, apart, known(STREET, ["x.jpg", "y.jpg", "z.jpg"], times))[1, 0] == 1


def slow_least(here, group, middle, ids, z, xy, options):
    """What the best way through a place collects from the other queries of a window, one number at a time."""
    moment = group[middle][0]
    others = [group[n] for n in range(len(group)) if n != middle and abs(n - middle) <= options["window"]]
    best = sum(z[other].max() for _, other in others)
    for (when, end), goal in product([others[0], others[-1]], range(ids.shape[1])):
        velocity = (xy[ids[end, goal]] - here) / (when - moment)
        if not options["slowest"] <= np.linalg.norm(velocity) <= options["fastest"]:
            continue
        collected = 0.0
        for at, other in others:
            place = here + velocity * (at - moment)
            near = np.linalg.norm(xy[ids[other]] - place, axis=1) <= options["radius"]
            collected += min(np.where(near, z[other], z[other].max()))
        best = min(best, collected)
    return best


def slow_order(ids, apart, xy, groups, options):
    """The rule of the docstring; `groups`: lists of (moment, row) in order."""
    z = contrast(apart)
    total = z.copy()
    for group in groups:
        for middle, (_, row) in enumerate(group):
            for column in range(ids.shape[1]):
                total[row, column] += slow_least(xy[ids[row, column]], group, middle, ids, z, xy, options)
    return np.argsort(total, axis=1, kind="stable")


@pytest.mark.parametrize("window", [1, 2, 4])
def test_it_is_the_slow_rule(window):
    rng = np.random.default_rng(window)
    xy = rng.uniform(0, 60, (40, 2)) + np.array([500_000, 4_000_000])
    ids = np.stack([rng.permutation(40)[:7] for _ in range(15)])
    apart = np.sort(rng.uniform(0, 1, ids.shape).astype(np.float32), axis=1)
    numbers = rng.permutation(30)[:11]
    names = [f"a/{n}.jpg" for n in numbers[:7]] + [f"b/{n}.jpg" for n in numbers[7:]] + [f"c/{x}.jpg" for x in "pqrs"]
    groups = [sorted((float(numbers[row]), row) for row in rows) for rows in (range(7), range(7, 11))]
    options = {"window": window, "slowest": 0.5, "fastest": 9.0, "radius": 6.0}
    evidence = known(xy, names)
    found = Sequence(**options)(ids, apart, evidence)
    assert found.tolist() == slow_order(ids, apart, xy, groups, options).tolist()
    assert (found[:11] != np.arange(7)).any()
    assert (found[11:] == np.arange(7)).all()  # those without a number stand alone


def test_the_order_of_the_rows_and_the_place_on_the_map_do_not_matter():
    rng = np.random.default_rng(3)
    xy = rng.uniform(0, 60, (40, 2))
    ids = np.stack([rng.permutation(40)[:7] for _ in range(12)])
    apart = np.sort(rng.uniform(0, 1, ids.shape).astype(np.float32), axis=1)
    evidence, step = known(xy, frames(range(12))), Sequence(window=3, radius=6)
    found = step(ids, apart, evidence)
    shuffled = rng.permutation(12)
    assert step(ids[shuffled], apart[shuffled], evidence.select(shuffled)).tolist() == found[shuffled].tolist()
    assert step(ids, 3 * apart + 1, evidence).tolist() == found.tolist()
    turned = xy @ np.array([[0.6, -0.8], [0.8, 0.6]]) + [7e5, 4e6]
    assert step(ids, apart, replace(evidence, xy=turned)).tolist() == found.tolist()
    rows = rng.permutation(40)  # of the database
    moved = replace(evidence, xy=xy[rows])
    assert step(np.argsort(rows)[ids], apart, moved).tolist() == found.tolist()


def test_candidates_beyond_the_depth_stay():
    step = Sequence(window=1, depth=2, **LOOSE)
    after = apply(step, Predictions(IDS, APART, 6), known(STREET, frames([1, 2, 3])))
    assert after.ids.tolist() == [[1, 5, 0], [2, 5, 4], [3, 5, 1]]
    assert after.distances[1].tolist() == APART[1, [1, 0, 2]].tolist()


def test_lists_of_equal_distances_and_of_one_candidate_pass():
    evidence = known(STREET, frames([1, 2, 3]))
    assert contrast(np.full((2, 3), 0.7, np.float32)).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert Sequence()(IDS, np.full((3, 3), 0.5, np.float32), evidence).tolist() == [[0, 1, 2]] * 3
    assert Sequence()(IDS[:, :1], APART[:, :1], evidence).tolist() == [[0]] * 3


def test_several_photos_of_one_moment_vote_too():
    order = Sequence(window=2, **LOOSE)(IDS, APART, known(STREET, ["a7.jpg", "a7.png", "a7.webp"]))
    assert order.shape == IDS.shape  # no way leads anywhere in no time: all keep their order
    assert order.tolist() == [[0, 1, 2]] * 3


def test_queries_without_an_order_are_refused():
    with pytest.raises(
        InputError, match="no two of 3 queries are of one sequence, whose names differ in a last number"
    ):
        Sequence()(IDS, APART, known(STREET, ["a.jpg", "b.jpg", "c.jpg"]))
    far = [f"2024-06-0{day}T12:00:00" for day in (1, 2, 3)]
    with pytest.raises(InputError, match="no two of 3 queries are of one sequence, whose times follow each other"):
        Sequence(order="time")(IDS, APART, known(STREET, ["a.jpg", "b.jpg", "c.jpg"], far))
    nothing = Evidence(np.array(STREET), np.full(6, ""))
    with pytest.raises(InputError, match="Sequence needs the names and times of the queries"):
        apply(Sequence(), Predictions(IDS, APART, 6), nothing)


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"order": "easting"}, r"sequence\.order: must be name or time, not 'easting'"),
        ({"window": 0}, "window must be at least 1"),
        ({"slowest": 9, "fastest": 8}, "fastest must be at least 9"),
        ({"radius": 0}, "radius must be above 0"),
        ({"slowest": -1}, "slowest must be at least 0"),
    ],
)
def test_values_out_of_range_are_refused(values, line):
    with pytest.raises(ValueError, match=line):
        Sequence(**values)


def test_a_drive_is_found_and_shuffled_frames_bring_nothing(caplog):
    """Each frame alone is right in half the cases; together they are right, and in a wrong order they are not."""
    rng = np.random.default_rng(0)
    xy = np.stack([np.arange(300) * 10.0, np.zeros(300)], axis=1)
    truth = np.arange(100, 160)
    ids = np.stack([np.r_[place, rng.permutation(np.delete(np.arange(300), place))[:19]] for place in truth])
    apart = rng.uniform(0.5, 1, ids.shape).astype(np.float32)
    apart[:, 0] = np.where(rng.uniform(size=60) < 0.5, 0.45, 0.6)
    order = np.argsort(apart, axis=1)
    ids, apart = np.take_along_axis(ids, order, axis=1), np.take_along_axis(apart, order, axis=1)
    step = Sequence(window=5, slowest=5, fastest=15)

    def right(numbers):
        first = np.take_along_axis(ids, step(ids, apart, known(xy, frames(numbers))), axis=1)[:, 0]
        return np.mean(np.abs(first - truth) <= 2)

    before = np.mean(np.abs(ids[:, 0] - truth) <= 2)
    assert 0.4 < before < 0.75
    assert right(range(60)) == 1.0
    assert "are they a drive" not in caplog.text
    assert right(rng.permutation(60)) <= before
    assert "are they a drive or walk in this order? If not, leave sequence out" in caplog.text


def test_a_walk_through_real_photos(shared_data):
    """Small grey pictures as descriptors: fewer than half are found alone, and many more along the way."""
    walk = folder(shared_data / "gardens-point-thumbs")

    def described(side):
        found = np.stack(
            [
                np.asarray(Image.open(side.path(row)).convert("L").resize((12, 8)), float).ravel()
                for row in range(len(side))
            ]
        )
        found -= found.mean(axis=1, keepdims=True)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    apart = np.sqrt(np.maximum(2 - 2 * described(walk.queries) @ described(walk.database).T, 0)).astype(np.float32)
    ids = np.argsort(apart, axis=1, kind="stable")[:, :40]
    before = Predictions(ids, np.take_along_axis(apart, ids, axis=1), len(walk.database))
    after = apply(Sequence(slowest=8, fastest=12, window=5), before, evidence_of(walk.database, walk.queries, None))
    alone, together = (100 * correct(each.ids, walk.positives(25))[:, 0].mean() for each in (before, after))
    assert together > alone + 20
