from pathlib import Path

import numpy as np
import pytest

from geoloc.data.domains import Domain
from geoloc.data.protocols import Protocol
from geoloc.errors import InputError
from geoloc.index.exact import Exact
from geoloc.index.faiss_hnsw import FaissHnsw
from geoloc.places import PlaceSet
from geoloc.postprocess.chain import Evidence, apply
from geoloc.postprocess.panoramas import Panoramas, candidates_for
from geoloc.predictions import Descriptors, Predictions
from geoloc.search import find, fitted_for
from geoloc.views.five_crops import FiveCrops
from geoloc.views.hard_resize import HardResize
from geoloc.views.nearest_crop import NearestCrop


def evidence_with(shots):
    return Evidence(np.zeros((len(shots), 2)), np.array(shots))


def slow(candidates, shots):
    first, repeated, seen = [], [], set()
    for column, row in enumerate(candidates):
        name = shots[row] or ("image", row)
        (repeated if name in seen else first).append(column)
        seen.add(name)
    return first + repeated


def test_by_hand():
    #                         0    1    2    3    4   5   6
    evidence = evidence_with(["a", "a", "b", "a", "", "", "c"])
    ids = np.array([[1, 0, 4, 3, 2, 5, 6], [4, 5, 6, 2, 3, 1, 0]])
    order = Panoramas()(ids, np.zeros((2, 7), np.float32), evidence)
    assert order.tolist() == [[0, 2, 4, 5, 6, 1, 3], [0, 1, 2, 3, 4, 5, 6]]


@pytest.mark.parametrize("seed", range(10))
def test_equals_the_slow_reference(seed):
    rng = np.random.default_rng(seed)
    shots = rng.choice(["", "a", "b", "c", "panorama 12"], 40, p=[0.2, 0.4, 0.2, 0.1, 0.1])
    ids = np.stack([rng.permutation(40)[:15] for _ in range(8)])
    order = Panoramas()(ids, np.zeros(ids.shape, np.float32), evidence_with(shots))
    assert order.tolist() == [slow(row, shots) for row in ids]


def test_without_panoramas_the_order_stays():
    ids = np.array([[3, 1, 0, 2]])
    assert Panoramas()(ids, np.zeros((1, 4), np.float32), evidence_with([""] * 4)).tolist() == [[0, 1, 2, 3]]


def test_candidates_beyond_the_depth_stay_and_are_not_looked_at():
    ids = np.array([[0, 1, 2, 3, 4]])
    before = Predictions(ids, np.arange(5, dtype=np.float32)[None], 5)
    after = apply(Panoramas(depth=3), before, evidence_with(["a", "a", "b", "c", "b"]))
    assert after.ids.tolist() == [[0, 2, 1, 3, 4]]
    assert after.distances.tolist() == [[0, 2, 1, 3, 4]]
    whole = apply(Panoramas(), before, evidence_with(["a", "a", "b", "c", "b"]))
    assert whole.ids.tolist() == [[0, 2, 3, 1, 4]]
    assert apply(Panoramas(), whole, evidence_with(["a", "a", "b", "c", "b"])).ids.tolist() == whole.ids.tolist()


def test_one_candidate_and_no_query():
    evidence = evidence_with(["a", "a"])
    assert Panoramas()(np.array([[0], [1]]), np.zeros((2, 1), np.float32), evidence).tolist() == [[0], [0]]
    assert Panoramas()(np.empty((0, 1), np.int64), np.empty((0, 1), np.float32), evidence).shape == (0, 1)


def test_a_depth_of_nothing_is_refused():
    with pytest.raises(ValueError, match="depth"):
        Panoramas(depth=-1)


def slow_candidates(panos, k):
    """Take the images of the largest panoramas first, and count until k different ones have been seen."""
    names = [name or ("image", row) for row, name in enumerate(panos)]
    seen = set()
    for number, name in enumerate(sorted(names, key=lambda name: (-names.count(name), str(name))), 1):
        seen.add(name)
        if len(seen) == k:
            return number
    return len(names)


@pytest.mark.parametrize("seed", range(10))
def test_so_many_candidates_and_not_one_fewer(seed):
    panos = np.random.default_rng(seed).choice(["", "a", "b", "c", "d 1"], 30, p=[0.1, 0.4, 0.3, 0.1, 0.1])
    for k in (1, 2, 3, 5, 8, 30):
        assert candidates_for(panos, k) == slow_candidates(panos.tolist(), k)


def test_candidates_by_hand():
    tiles = np.repeat([f"pano{number}" for number in range(50)], 12)  # as Tokyo 24/7
    assert [candidates_for(tiles, k) for k in (1, 2, 20, 50, 51)] == [1, 13, 229, 589, 600]
    assert candidates_for(np.full(4, ""), 3) == 3


def domain_of(panos, queries=7, **protocol):
    rng = np.random.default_rng(3)
    xy = rng.uniform(0, 100, (len(panos), 2))
    database = PlaceSet(
        Path("nowhere"), np.array([f"{n}.jpg" for n in range(len(panos))]), xy, panos=panos, coordinates="local"
    )
    asked = PlaceSet(Path("nowhere"), np.array([f"{n}.jpg" for n in range(queries)]), xy[:queries], coordinates="local")
    return Domain("tiles", database, asked, Protocol(**{"panoramas": True, **protocol}))


def searched(domain, vectors, k, index, view, steps=(), own=None):
    built = fitted_for(domain, index, vectors.database, None, "")
    own = np.arange(len(domain.queries)) if own is None else own
    return find(domain, vectors, own, index, built, view, list(steps), k)


@pytest.mark.parametrize("view", [HardResize(), FiveCrops(), NearestCrop()])
@pytest.mark.parametrize("k", [1, 4, 6, 11, 60])
def test_the_first_panoramas_are_those_of_the_whole_ranking(view, k):
    """By sorting all distances. Six panoramas and two images without one; tiles of a panorama look alike."""
    rng = np.random.default_rng(k)
    number = np.repeat(np.arange(6), [12, 12, 9, 6, 3, 1])
    panos = np.concatenate([[f"pano{row}" for row in number], ["", ""]])
    looks = np.concatenate([rng.normal(size=(6, 5))[number] + 0.05 * rng.normal(size=(43, 5)), rng.normal(size=(2, 5))])
    database = looks.astype(np.float32)
    crops = rng.normal(size=(7 * view.count, 5)).astype(np.float32)
    domain = domain_of(panos)
    vectors = Descriptors(np.concatenate([database, crops]), len(database))
    found = searched(domain, vectors, k, Exact(), view)
    assert found.final is found.raw
    shown = crops.reshape(7, view.count, 5)
    if isinstance(view, FiveCrops):
        shown = view.pool(shown)[:, None]
    for query in range(7):
        apart = np.linalg.norm(database[None] - shown[query][:, None], axis=2).min(axis=0)
        ranking = np.argsort(apart, kind="stable")
        wanted = [int(ranking[place]) for place in slow(ranking.tolist(), panos.tolist())][:k]
        assert found.raw.ids[query].tolist() == wanted
        assert found.raw.distances[query] == pytest.approx(apart[wanted], abs=1e-5)
    some = searched(domain, vectors, k, Exact(), view, own=np.array([1, 5]))
    assert some.raw.ids.tolist() == found.raw.ids[[1, 5]].tolist()


def test_an_approximate_index_and_steps_come_to_the_same():
    rng = np.random.default_rng(0)
    panos = np.repeat([f"pano{row}" for row in range(20)], 6)
    vectors = Descriptors(rng.normal(size=(127, 8)).astype(np.float32), 120)
    domain = domain_of(panos)
    exact = searched(domain, vectors, 5, Exact(), HardResize())
    assert len(set(panos[exact.raw.ids[0]])) == 5
    near = searched(domain, vectors, 5, FaissHnsw(), HardResize(), [Panoramas()])
    assert near.raw.ids.tolist() == near.final.ids.tolist() == exact.raw.ids.tolist()
    assert near.quality.k == candidates_for(panos, 5) == 25
    # Another protocol counts every tile.
    every = searched(domain_of(panos, panoramas=False), vectors, 5, Exact(), HardResize())
    assert every.raw.ids.tolist() != exact.raw.ids.tolist()


def test_without_a_panorama_id_there_is_nothing_to_count():
    with pytest.raises(InputError) as error:
        domain_of(np.full(9, ""))
    assert list(error.value.problems) == [
        "tiles: its protocol counts one hit a panorama, and no image of nowhere has a panorama id (field 7 of a name,"
        " or the column pano); panoramas=false counts every image"
    ]
    with pytest.raises(ValueError, match="panoramas: cannot be counted once within groups=folder; leave one of them"):
        Protocol(panoramas=True, groups="folder")
