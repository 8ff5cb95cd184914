"""Views x scales x whitening x indexes x post-processing: every choice of every group goes with every other.

What each part does is tested beside it. Here is what must hold of all of them together; what cannot go together must
be refused with its reason.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
import yaml
from mini import write_image, write_mini_city
from networks import CONF, choices

from geoloc.config import instantiate
from geoloc.data.domains import Domain
from geoloc.data.domains import folder as domain_in
from geoloc.errors import InputError
from geoloc.index.exact import Exact
from geoloc.index.fitting import fitted
from geoloc.lit.evaluation import Evaluation
from geoloc.lit.whitening import fit_whitening
from geoloc.places import PlaceSet
from geoloc.predictions import Descriptors
from geoloc.search import check_chain, evidence, find, one_each
from geoloc.tuning import TuningCase, tunable, tune

sys.path.append(str(Path(__file__).parent / "lit"))
from tiny import tiny_data, tiny_module, tiny_net, tiny_trainer

K = 20
VIEWS, SCALES, WHITENINGS, INDEXES = map(choices, ("views", "multiscale", "whitening", "index"))
INDEXES.remove("milvus")  # an engine of its own; tests/index/test_milvus.py has it
STEPS = [name for name in choices("postprocess") if name != "none"]
BY_PHOTO = "local_features"  # seconds; it does not look at descriptors
NEEDING = ("alpha_qe", "k_reciprocal")
SEVERAL = ("nearest_crop", "maj_voting")
CHAINS = [(), *((name,) for name in STEPS if name != BY_PHOTO), ("panoramas", "geo_density", "geo_dbscan")]
LONG = ("k_reciprocal", "geo_density", "alpha_qe", "panoramas")


def node_of(group, name, **changes):
    return {**yaml.safe_load((CONF / group / f"{name}.yaml").read_text()), **changes}


def part(group, name):
    return instantiate(node_of(group, name))


def steps_of(chain):
    return [instantiate(node_of("postprocess", name)[name]) for name in chain]


def test_the_lists_are_those_of_the_issue():
    assert VIEWS == ["central_crop", "five_crops", "hard_resize", "maj_voting", "nearest_crop", "single_query"]
    assert SCALES == ["down", "none", "random_crop", "up"]
    assert WHITENINGS == ["none", "pca", "pca_whitening"]
    assert choices("index") == ["exact", "faiss_flat", "faiss_hnsw", "faiss_ivfpq", "milvus"]
    assert {BY_PHOTO, *NEEDING, *LONG} <= set(STEPS)


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """Twelve places, two database photos each; queries of three shapes."""
    root = write_mini_city(tmp_path_factory.mktemp("compose") / "mini", places=12)
    shapes = [(96, 128), (128, 96), (100, 75)]
    for number, path in enumerate(sorted(root.glob("images/test/queries/*.jpg"))):
        write_image(path, seed=5400 + number, size=shapes[number % 3], noise=100 + number)
    return root


def with_panoramas(domain):
    """Two neighbouring images of the database are of one panorama each."""
    panos = np.array([f"pano{row // 2}" for row in range(len(domain.database))])
    return replace(domain, database=replace(domain.database, panos=panos))


@pytest.fixture(scope="module")
def described(city, tmp_path_factory):
    """(whitening, scales, view) -> (rows, D) descriptors, as task=describe leaves them."""
    root, found = tmp_path_factory.mktemp("described"), {}
    for whitening in WHITENINGS:
        net = tiny_net()
        if whitening != "none":
            fit_whitening(
                *(net, node_of("whitening", whitening, dim=8), tiny_data(city, infer_batch_size=8)),
                *(tiny_trainer(root, []), 0),
            )
        for scales, view in product(SCALES, VIEWS):
            evaluation = Evaluation(Exact(), [1, 5], 25.0, K, root / "descriptors")
            options = {"evaluation": evaluation, "multiscale": part("multiscale", scales), "keep_descriptors": True}
            module = tiny_module(net, root, **options)
            module.judged = False
            data = tiny_data(city, view=part("views", view), infer_batch_size=8)
            tiny_trainer(root, []).test(module, datamodule=data, verbose=False)
            found[whitening, scales, view] = np.load(root / "descriptors" / "mini.npy")
            assert module.results == {}
    return found


def test_every_view_leaves_the_database_as_it_is(described):
    for whitening, scales in product(WHITENINGS, SCALES):
        plain = described[whitening, scales, "hard_resize"]
        assert plain.shape == (24 + 12, 32 if whitening == "none" else 8)
        for view in VIEWS:
            vectors = described[whitening, scales, view]
            assert vectors.shape == (24 + 12 * part("views", view).count, plain.shape[1])
            assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
            assert vectors[:24] == pytest.approx(plain[:24], abs=2e-5), (whitening, scales, view)
            if view != "hard_resize":
                crops = vectors[24:].reshape(12, -1, plain.shape[1])
                assert (np.abs(crops - plain[24:, None]).max(axis=2) > 1e-3).all(), (whitening, scales, view)


def test_every_scale_and_whitening_makes_other_descriptors(described):
    for view in VIEWS:
        for whitening in WHITENINGS:
            kinds = [described[whitening, scales, view] for scales in SCALES]
            assert all(np.abs(one - other).max() > 1e-2 for one, other in pairwise(kinds))
        one, other = (described[whitening, "none", view] for whitening in ("pca", "pca_whitening"))
        assert np.abs(one - other).max() > 1e-2


def slow_search(vectors, size, view, k):
    """(ids, distances) of every query by plain loops; None for the ids of a view that votes."""
    database, name = vectors[:size].astype(np.float64), view
    count = part("views", view).count
    ids, distances = [], []
    for crops in vectors[size:].astype(np.float64).reshape(-1, count, vectors.shape[1]):
        if name == "five_crops":
            crops = crops.mean(axis=0, keepdims=True)
            crops = crops / np.linalg.norm(crops)
        nearest = {}
        for crop in crops:
            apart = np.linalg.norm(database - crop, axis=1)
            for row in np.argsort(apart, kind="stable")[:k]:
                nearest[int(row)] = min(nearest.get(int(row), np.inf), apart[row])
        ids.append(sorted(nearest, key=lambda row: (nearest[row], row))[:k])
        distances.append(nearest)
    return ids, distances


def check(found, wanted, order_too):
    """What must hold of every search: the rows and distances of the slow one, and a permutation of them at the end."""
    ids, distances = wanted
    if order_too:
        assert found.raw.ids.tolist() == ids
    for predictions in (found.raw, found.final):
        measured = [[of[row] for row in rows] for rows, of in zip(predictions.ids.tolist(), distances, strict=True)]
        assert predictions.distances == pytest.approx(np.array(measured), abs=1e-5)
    assert np.sort(found.final.ids).tolist() == np.sort(found.raw.ids).tolist()


def tuned(steps, domain, raw, known):
    """Tune on the case itself, where R@1 cannot fall."""
    positives = domain.positives(25.0)
    facts = tune(steps, [TuningCase("itself", raw, known, positives)])
    assert list(facts) == ["GeoDensity"]
    assert facts["GeoDensity"]["r1_after"] >= facts["GeoDensity"]["r1_before"]


def walk(domain, vectors, view_name, index, built, wanted, chains=CHAINS):
    """Search and post-process by every chain; the raw predictions."""
    view, own = part("views", view_name), np.arange(len(domain.queries))
    descriptors = Descriptors(vectors, len(domain.database))
    raw, orders = None, {}
    for chain in chains:
        steps = steps_of(chain)
        if view_name in SEVERAL and set(chain) & set(NEEDING):
            with pytest.raises(InputError, match=f"needs one descriptor of each query, and views={view_name} has 5"):
                check_chain(view, steps)
            with pytest.raises(InputError, match="needs descriptors"):
                find(domain, descriptors, own, index, built, view, steps, K)
            continue
        check_chain(view, steps)
        if tunable(steps):
            known = evidence(domain, own, descriptors.database, one_each(view, descriptors.queries, own))
            tuned(steps, domain, raw.raw, known)
        found = find(domain, descriptors, own, index, built, view, steps, K)
        check(found, wanted, order_too=view_name != "maj_voting")
        assert (found.quality is not None) == index.approximate
        if chain:
            assert found.raw.ids.tolist() == raw.raw.ids.tolist()
        else:
            assert found.final is found.raw
            raw = found
        orders[chain] = found.final.ids.tolist()
    return raw.raw, orders


@pytest.mark.parametrize(
    "scales", ["none", *(pytest.param(name, marks=pytest.mark.slow) for name in SCALES if name != "none")]
)
def test_everything_goes_together(city, described, scales):
    """72 searches, and every chain after each of them; all scales together are 288."""
    domain = with_panoramas(domain_in(city, "test"))
    moved = set()
    for whitening, view in product(WHITENINGS, VIEWS):
        vectors = described[whitening, scales, view]
        wanted = slow_search(vectors, 24, view, K)
        seen = []
        for name in INDEXES:
            index = part("index", name)
            built = fitted(index, vectors[:24], None, "")
            seen.append(walk(domain, vectors, view, index, built, wanted, [*CHAINS, LONG]))
        # So few images that approximate indexes find all of them.
        for raw, orders in seen[1:]:
            assert raw.ids.tolist() == seen[0][0].ids.tolist(), (whitening, scales, view)
            assert raw.distances.tolist() == seen[0][0].distances.tolist()
            assert orders == seen[0][1]
        moved |= {chain for chain, order in seen[0][1].items() if order != seen[0][1][()]}
    # None of them is idle; but where nothing is to be gained, the tuned step keeps the order.
    assert moved | {("geo_density",)} == {*CHAINS, LONG} - {()}


def test_photos_are_matched_under_every_view(city, described):
    pytest.importorskip("cv2")
    domain = domain_in(city, "test")
    index = part("index", "exact")
    for view in VIEWS:
        vectors = described["none", "none", view]
        wanted = slow_search(vectors, 24, view, K)
        walk(domain, vectors, view, index, fitted(index, vectors[:24], None, ""), wanted, [(), (BY_PHOTO,)])


@pytest.fixture(scope="module")
def street():
    """A domain without photos whose database is large enough for lists and codes, and function: V -> its vectors."""
    draw = np.random.default_rng(0)
    at = np.stack([500_000 + 10.0 * np.arange(600), np.full(600, 4_000_000.0)], axis=1)
    places = PlaceSet(Path("nowhere"), np.array([f"{row}.jpg" for row in range(600)]), at)
    rows = draw.choice(600, 40, replace=False)
    queries = PlaceSet(Path("nowhere"), np.array([f"q{row}.jpg" for row in rows]), at[rows] + 1)
    database = draw.normal(size=(600, 24))

    def vectors(count):
        draw = np.random.default_rng(count)
        crops = database[rows, None] + draw.normal(size=(40, count, 24))
        both = np.concatenate([database, crops.reshape(-1, 24)])
        return (both / np.linalg.norm(both, axis=1, keepdims=True)).astype(np.float32)

    return with_panoramas(Domain("street", places, queries)), vectors


@pytest.mark.parametrize("view", VIEWS)
def test_indexes_that_miss_something_go_with_everything_too(street, view, tmp_path):
    domain, vectors = street[0], street[1](part("views", view).count)
    wanted = slow_search(vectors, 600, view, K)
    exact = None
    for name in INDEXES:
        node = node_of("index", name)
        if name == "faiss_ivfpq":
            node |= {"probes": 3, "bytes": 4, "rerank": 20}
        index = instantiate(node)
        built = fitted(index, vectors[:600], tmp_path / f"street.{name}", "a network")
        assert (tmp_path / f"street.{name}").is_file() == index.approximate
        if not index.approximate:
            raw, _ = walk(domain, vectors, view, index, built, wanted, [*CHAINS, LONG])
            exact = exact or raw
            assert raw.ids.tolist() == exact.ids.tolist()
            continue
        found = search(domain, vectors, built, index, view)
        assert found.quality.r1 > 0.5
        if name == "faiss_ivfpq":
            assert found.quality.rk < 1  # it does miss some
        # A file gives back the same search, and a share of the queries the same as all of them.
        again = fitted(index, vectors[:600], tmp_path / f"street.{name}", "a network")
        for own in (np.arange(40), np.array([3, 17, 38])):
            same = search(domain, vectors, again, index, view, own=own)
            assert same.raw.ids.tolist() == found.raw.ids[own].tolist()
            for chain in (("geo_dbscan", "panoramas"), LONG[::2] if view not in SEVERAL else ("geo_neighbours",)):
                part_of_it = search(domain, vectors, again, index, view, chain, own)
                whole = search(domain, vectors, built, index, view, chain)
                assert part_of_it.final.ids.tolist() == whole.final.ids[own].tolist()
                assert part_of_it.final.distances == pytest.approx(whole.final.distances[own], abs=1e-6)
                assert np.sort(whole.final.ids).tolist() == np.sort(whole.raw.ids).tolist()


def search(domain, vectors, built, index, view, chain=(), own=None):
    own = np.arange(len(domain.queries)) if own is None else own
    descriptors = Descriptors(vectors, len(domain.database))
    return find(domain, descriptors, own, index, built, part("views", view), steps_of(chain), K)


def test_no_query_is_no_trouble(street):
    """As in a process that has no share of a domain of few queries."""
    domain, none = street[0], np.array([], np.int64)
    for view, name in product(VIEWS, INDEXES):
        index, vectors = part("index", name), street[1](part("views", view).count)
        built = fitted(index, vectors[:600], None, "")
        chain = (
            "geo_dbscan",
            "geo_agglomerative",
            "geo_neighbours",
            "panoramas",
            *(NEEDING if view not in SEVERAL else ()),
        )
        found = search(domain, vectors, built, index, view, chain, none)
        assert found.final.ids.shape == found.raw.ids.shape == (0, K)
        assert found.quality is None
