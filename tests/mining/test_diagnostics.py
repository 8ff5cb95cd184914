import numpy as np
import pytest

from geoloc.mining.diagnostics import diagnose

# Two queries and five database images on a line of descriptors; database first.
LINE = np.array([[1.0], [4.0], [0.5], [9.0], [-2.0], [0.0], [5.0]], np.float32)
COUNTS = {"queries": 3, "without_negatives": 1, "short_of_negatives": 1}


def test_hardness_and_suspects_worked_out_by_hand():
    # Query 0 at 0: positive at 1; negatives at 4, 0.5 and -2 are 3 farther, 0.5 nearer and 1 farther.
    # Query 1 at 5: positive at 9; its two negatives at 4 (repeated) and 1 are 3 nearer and as far.
    tuples = np.array([[0, 0, 1, 2, 4], [1, 3, 1, 0, 1]])
    found = diagnose(tuples, LINE, 5, np.arange(5), COUNTS)
    assert sorted(found.hardness.tolist()) == [-3, -0.5, 0, 1, 3]
    assert found.suspects.tolist() == [[1, 3, 1], [0, 0, 2]]
    assert found.numbers == {
        "tuples": 2,
        "without_negatives": 1,
        "short_of_negatives": 1,
        "hardness_median": 0,
        "suspects": 2,
        "suspect_share": 0.4,
    }


def test_negatives_without_descriptors_have_no_hardness():
    found = diagnose(np.array([[0, 0, 1, 2, 4]]), LINE, 5, np.array([0, 1, 2]), {})
    assert (len(found.hardness), found.suspects.shape) == (0, (0, 3))
    assert found.numbers == {"tuples": 1, "without_negatives": 0, "short_of_negatives": 0}


def test_no_tuples_at_all():
    found = diagnose(np.empty((0, 4), np.int64), LINE, 5, np.arange(5), {"without_negatives": 2})
    assert found.numbers == {"tuples": 0, "without_negatives": 2, "short_of_negatives": 0}


def test_hardness_equals_a_slow_reference():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 16)).astype(np.float32)
    tuples = np.column_stack([np.arange(10), *rng.permuted(np.tile(np.arange(40), (10, 1)), axis=1).T[:6]])
    found = diagnose(tuples, vectors, 40, np.arange(40), {})
    expected = [
        np.linalg.norm(vectors[40 + row[0]] - vectors[negative])
        - np.linalg.norm(vectors[40 + row[0]] - vectors[row[1]])
        for row in tuples
        for negative in row[2:]
    ]
    assert found.hardness == pytest.approx(expected, abs=1e-5)
    assert len(found.suspects) == sum(value < 0 for value in expected)


def test_repeated_negatives_of_a_mapped_store_count_once(tmp_path):
    rng = np.random.default_rng(1)
    vectors = np.lib.format.open_memmap(tmp_path / "vectors.npy", "w+", np.float32, (30, 9))
    vectors[:] = rng.normal(size=(30, 9))
    tuples = np.array([[0, 3, 5, 6, 5, 6], [2, 1, 7, 7, 7, 7], [1, 0, 8, 9, 4, 2]])
    found = diagnose(tuples, vectors, 20, np.arange(20), {})
    triplets = [(0, 3, 5), (0, 3, 6), (2, 1, 7), (1, 0, 8), (1, 0, 9), (1, 0, 4), (1, 0, 2)]
    exact = np.asarray(vectors, np.float64)
    expected = [
        np.linalg.norm(exact[20 + query] - exact[negative]) - np.linalg.norm(exact[20 + query] - exact[positive])
        for query, positive, negative in triplets
    ]
    assert found.hardness == pytest.approx(expected, abs=1e-6)
    nearer = sorted((value, triplet) for value, triplet in zip(expected, triplets, strict=True) if value < 0)
    assert 0 < len(nearer) < 7
    assert found.suspects.tolist() == [list(triplet) for _, triplet in nearer]
