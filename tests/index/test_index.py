"""What all indexes have in common."""

import numpy as np
import pytest
from brute import INDEXES, MILVUS, brute, check_distances, clustered


@pytest.fixture(params=list(INDEXES))
def index(request):
    return INDEXES[request.param]()


@pytest.fixture(scope="module")
def vectors():
    return clustered(600, 16, 12)


def test_names_are_those_of_the_yaml_files():
    for name, make in INDEXES.items():
        assert make().name == name
    approximate = {name for name, make in INDEXES.items() if make().approximate}
    assert approximate - {"milvus"} == {"faiss_hnsw", "faiss_ivfpq"}
    assert ("milvus" in approximate) == MILVUS


@pytest.mark.parametrize(("database", "queries", "k"), [(1, 1, 1), (1, 5, 20), (3, 40, 20), (7, 1, 7), (300, 2, 400)])
def test_k_above_the_database_gives_all_of_it(index, database, queries, k):
    d, q = clustered(database, 16, queries)
    found = index.search(d, q, k)
    assert found.ids.shape == (queries, min(k, database))
    ids, distances = brute(d, q, k)
    assert np.array_equal(found.ids, ids)
    assert found.distances == pytest.approx(distances, abs=1e-5)


@pytest.mark.parametrize("k", [1, 20])
def test_distances_are_those_of_the_rows_found(index, vectors, k):
    database, queries = vectors
    found = index.search(database, queries, k)
    assert (found.ids.dtype, found.distances.dtype) == (np.int64, np.float32)
    assert found.database_size == 600
    check_distances(found, database, queries)
    if not index.approximate:
        assert np.array_equal(found.ids, brute(database, queries, k)[0])


def test_no_queries_give_no_rows(index, vectors):
    assert index.search(vectors[0], vectors[1][:0], 5).ids.shape == (0, 5)


def test_long_descriptors_are_measured_too(index):
    rng = np.random.default_rng(3)
    database = (50 * rng.normal(size=(500, 16))).astype(np.float32)
    found = index.search(database, database[::50].copy(), 3)
    assert found.ids[:, 0].tolist() == list(range(0, 500, 50))
    assert found.distances[:, 0].tolist() == [0.0] * 10
    for row, ids in zip(range(0, 500, 50), found.ids, strict=True):
        assert found.distances[row // 50] == pytest.approx(np.linalg.norm(database[ids] - database[row], axis=1))


def test_float16_memory_maps_that_are_not_contiguous(index, tmp_path, vectors):
    database, queries = vectors
    stored = np.lib.format.open_memmap(tmp_path / "d.npy", "w+", np.float16, (1200, 16))
    stored[::2] = database
    stored[1::2] = 9.0
    half = queries.astype(np.float16)
    found = index.search(stored[::2], half, 5)
    check_distances(found, np.asarray(stored[::2]), half)
    again = index.search(np.array(stored[::2], np.float32), half.astype(np.float32), 5)
    assert np.array_equal(found.ids, again.ids)


def test_the_same_answer_twice(index, vectors):
    first, second = (index.search(*vectors, 10) for _ in range(2))
    assert np.array_equal(first.ids, second.ids)
    assert np.array_equal(first.distances, second.distances)


def test_a_fitted_index_answers_as_the_search_does(index, vectors):
    database, queries = vectors
    fitted = index.fit(database)
    whole = index.search(database, queries, 10)
    for row in range(len(queries)):  # one query at a time
        assert np.array_equal(fitted.search(queries[row : row + 1], 10).ids, whole.ids[row : row + 1])


def test_the_input_is_left_alone(index, vectors):
    database, queries = (array.copy() for array in vectors)
    index.search(database, queries, 10)
    assert np.array_equal(database, vectors[0])
    assert np.array_equal(queries, vectors[1])


def test_nothing_is_written_to_the_terminal(index, vectors, capfd):
    index.search(*vectors, 10)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", [name for name in INDEXES if name != "exact"])
def test_queries_of_another_dimension_are_refused(name, vectors):
    with pytest.raises(ValueError, match="queries of dimension 8 in a database of 16"):
        INDEXES[name]().search(vectors[0], vectors[1][:, :8], 5)
