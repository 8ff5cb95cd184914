import math

import numpy as np
import pytest

from geoloc.errors import InputError
from geoloc.postprocess import batches
from geoloc.postprocess.alpha_qe import AlphaQE
from geoloc.postprocess.chain import Evidence, apply
from geoloc.predictions import Predictions


def evidence_of_vectors(database, queries):
    return Evidence(np.zeros((len(database), 2)), np.full(len(database), ""), database, queries)


def random_lists(seed, queries=6, listed=10, database=30, dim=8):
    """Ranked by distance, as a search does."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(database + queries, dim)) + 0.7
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    x, q = vectors[:database], vectors[database:]
    apart = np.linalg.norm(q[:, None] - x[None], axis=2)
    ids = np.argsort(apart, axis=1)[:, :listed]
    return ids, np.take_along_axis(apart, ids, axis=1).astype(np.float32), evidence_of_vectors(x, q)


def slow(candidates, database, query, alpha, n):
    def unit(v):
        length = math.sqrt(sum(float(a) ** 2 for a in v))
        return [float(a) / length for a in v]

    q, x = unit(query), [unit(database[row]) for row in candidates]
    moved = list(q)
    for vector in x[:n]:
        similarity = sum(a * b for a, b in zip(q, vector, strict=True))
        for k, value in enumerate(vector):
            moved[k] += max(similarity, 0.0) ** alpha * value
    moved = unit(moved)
    return sorted(range(len(x)), key=lambda i: (math.dist(moved, x[i]), i))


@pytest.mark.parametrize("alpha", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("n", [1, 3, 50])
def test_equals_the_formula(monkeypatch, alpha, n):
    monkeypatch.setattr(batches, "BUDGET", 400)  # several batches of queries
    ids, distances, evidence = random_lists(seed=n)
    order = AlphaQE(alpha, n)(ids, distances, evidence)
    assert order.tolist() == [
        slow(c, evidence.database, q, alpha, n) for c, q in zip(ids, evidence.queries, strict=True)
    ]
    if n > 1:
        assert (order != np.arange(ids.shape[1])).any()


def test_by_hand():
    """q = (1, 0), x0 = (0.8, 0.6), x1 = (0.6, -0.8), x2 = (0, 1).

    With n = 1, alpha = 1: q + 0.8 x0 = (1.64, 0.48). Products with x0, x1, x2: 1.6, 0.6, 0.48: the order stays.
    With n = 1, alpha = 0: q + x0 = (1.8, 0.6). Products: 1.8, 0.6, 0.6: a tie, and the order stays.
    With n = 3, alpha = 0: the sum is (2.4, 0.8), and so is its direction.
    With x2 = (-0.28, 0.96), n = 1, alpha = 0: products 1.8, 0.6, 0.072.
    """
    database = np.array([[0.8, 0.6], [0.6, -0.8], [0.0, 1.0]], np.float32)
    evidence = evidence_of_vectors(database, np.array([[1.0, 0.0]], np.float32))
    ids, distances = np.array([[0, 1, 2]]), np.array([[0.632, 0.894, 1.414]], np.float32)
    assert AlphaQE(1.0, 1)(ids, distances, evidence).tolist() == [[0, 1, 2]]
    # q + 0.8^0 x0 twice over: x0 is listed once more, as row 3, so (2.6, 1.2): products 2.8, 0.6, 1.2.
    evidence = evidence_of_vectors(database[[0, 1, 2, 0]], evidence.queries)
    ids, distances = np.array([[0, 3, 1, 2]]), np.array([[0.632, 0.632, 0.894, 1.414]], np.float32)
    assert AlphaQE(0.0, 2)(ids, distances, evidence).tolist() == [[0, 1, 3, 2]]


def test_candidates_that_point_away_do_not_push():
    """x1 . q < 0: it has no weight, so the order is that of n = 1."""
    database = np.array([[0.6, 0.8], [-0.6, 0.8], [0.28, -0.96]], np.float32)
    evidence = evidence_of_vectors(database, np.array([[1.0, 0.0]], np.float32))
    ids, distances = np.array([[0, 1, 2]]), np.array([[0.9, 1.1, 1.2]], np.float32)
    for n in (1, 2):
        # q + 0.6 x0 = (1.36, 0.48): products 1.2, -0.432, -0.08.
        assert AlphaQE(1.0, n)(ids, distances, evidence).tolist() == [[0, 2, 1]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_memory_maps(tmp_path, dtype):
    ids, distances, evidence = random_lists(seed=1)
    stored = np.lib.format.open_memmap(tmp_path / "d.npy", "w+", dtype, evidence.database.shape)
    stored[:] = evidence.database
    queries = evidence.queries.astype(dtype)
    order = AlphaQE()(ids, distances, evidence_of_vectors(stored, queries))
    assert order.tolist() == [slow(c, stored, q, 3.0, 3) for c, q in zip(ids, queries, strict=True)]


def test_lengths_play_no_part():
    ids, distances, evidence = random_lists(seed=2)
    longer = evidence_of_vectors(evidence.database * 50, evidence.queries * 9)
    assert (AlphaQE()(ids, distances, longer) == AlphaQE()(ids, distances, evidence)).all()


def test_equal_images_and_empty_vectors_keep_the_order():
    rng = np.random.default_rng(0)
    one = rng.normal(size=(1, 300)).astype(np.float32)
    evidence = evidence_of_vectors(np.repeat(one, 40, axis=0), np.concatenate([one * 2 + 1, np.zeros_like(one)]))
    ids = np.stack([rng.permutation(40), rng.permutation(40)])
    assert (AlphaQE()(ids, np.ones((2, 40), np.float32), evidence) == np.arange(40)).all()


def test_candidates_beyond_the_depth_stay():
    ids, distances, evidence = random_lists(seed=3)
    after = apply(AlphaQE(depth=6), Predictions(ids, distances, 30), evidence)
    assert (after.ids[:, 6:] == ids[:, 6:]).all()
    assert (np.sort(after.ids[:, :6], axis=1) == np.sort(ids[:, :6], axis=1)).all()
    assert (after.ids != ids).any()


def test_one_candidate_and_no_query():
    ids, distances, evidence = random_lists(seed=4, listed=1)
    assert AlphaQE()(ids, distances, evidence).tolist() == [[0]] * 6
    assert AlphaQE()(ids[:0], distances[:0], evidence.select(np.arange(0))).shape == (0, 1)


def test_descriptors_are_needed():
    ids, distances, evidence = random_lists(seed=5)
    with pytest.raises(InputError, match="AlphaQE needs descriptors"):
        apply(AlphaQE(), Predictions(ids, distances, 30), Evidence(evidence.xy, evidence.panos))


@pytest.mark.parametrize("wrong", [{"n": 0}, {"alpha": -1.0}, {"depth": -1}])
def test_wrong_arguments_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        AlphaQE(**wrong)
