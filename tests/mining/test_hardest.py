"""The choices of all miners against slow references, on arrays mapped from files and in blocks of all sizes."""

import numpy as np
import pytest

from geoloc.mining import hardest
from geoloc.mining.distances import squared_distances
from geoloc.mining.hardest import best_positives, hardest_negatives
from geoloc.places import from_lists


def mapped(folder, array):
    """The array as a store holds it: in a file, and not in memory."""
    found = np.lib.format.open_memmap(folder / "vectors.npy", "w+", np.float32, array.shape)
    found[:] = array
    return found


def squares(query, vectors):
    """(N,) float64, by the definition."""
    return np.array([sum((float(a) - float(b)) ** 2 for a, b in zip(query, row, strict=True)) for row in vectors])


def ascending(rng, size, count):
    return np.sort(rng.choice(size, count, replace=False))


def slow_negatives(query, database, allowed, count):
    """Nearest first, of equal ones the lower row; -1 for those that are not there."""
    distance = squares(query, database)
    found = sorted(allowed, key=lambda row: (distance[row], row))[:count]
    return found + [-1] * (count - len(found))


@pytest.fixture(params=[(2**26, 2**24), (4 * 40 * 3, 4 * 6 * 7)], ids=["one block", "blocks of 3 queries, 7 images"])
def blocks(request, monkeypatch):
    monkeypatch.setattr(hardest, "DISTANCES", request.param[0])
    monkeypatch.setattr(hardest, "GATHERED", request.param[1])


def test_squared_distances_worked_out_by_hand():
    points = np.array([[0, 0], [3, 4], [1, 1]], np.float32)
    found = squared_distances(points[:2], np.array([0, 0, 1]), points, np.array([1, 2, 2]))
    assert (found.tolist(), found.dtype) == ([25, 2, 13], np.float32)
    assert squared_distances(points, np.empty(0, int), points, np.empty(0, int)).tolist() == []


@pytest.mark.parametrize("row", [-1, 3])
def test_rows_that_are_not_there_are_refused(row):
    points = np.zeros((3, 2), np.float32)
    with pytest.raises(IndexError, match="of 3 descriptors"):
        squared_distances(points, np.array([0, row]), points, np.array([0, 0]))


def test_best_positives_equal_a_slow_reference(tmp_path):
    rng = np.random.default_rng(0)
    database = mapped(tmp_path, rng.normal(size=(60, 6)))
    queries = rng.normal(size=(20, 6)).astype(np.float32)
    positives = [ascending(rng, 60, rng.integers(1, 9)) for _ in queries]
    expected = [rows[np.argmin(squares(query, database[rows]))] for query, rows in zip(queries, positives, strict=True)]
    assert best_positives(queries, database, from_lists(positives)).tolist() == expected


def test_of_equal_positives_the_first_is_taken(tmp_path):
    database = mapped(tmp_path, np.array([[5.0], [2.0], [4.0], [2.0], [3.0]]))
    positives = from_lists([np.array([0, 2, 4]), np.array([1, 3]), np.array([3]), np.array([0, 1, 3, 4])])
    found = best_positives(np.array([[4.5], [0.0], [9.0], [2.5]], np.float32), database, positives)
    assert found.tolist() == [0, 1, 3, 1]  # 0.5 each; 2 each; alone; 0.5 of three


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("size", [40, 90], ids=["whole database", "part of the database"])
def test_hardest_negatives_of_a_mapped_database_equal_a_slow_reference(tmp_path, size):
    rng = np.random.default_rng(1)
    database = mapped(tmp_path, rng.normal(size=(size, 6)))
    queries = rng.normal(size=(10, 6)).astype(np.float32)
    pool = ascending(rng, size, 40)
    close = [ascending(rng, size, 5) for _ in queries]
    expected = [
        slow_negatives(query, database, sorted(set(pool.tolist()) - set(rows.tolist())), 4)
        for query, rows in zip(queries, close, strict=True)
    ]
    assert hardest_negatives(queries, database, pool, from_lists(close), 4).tolist() == expected


@pytest.mark.usefixtures("blocks")
def test_each_query_may_have_its_own_part_of_the_pool():
    rng = np.random.default_rng(2)
    database = rng.normal(size=(80, 6)).astype(np.float32)
    queries = rng.normal(size=(10, 6)).astype(np.float32)
    pool = ascending(rng, 80, 40)
    close = [ascending(rng, 80, 30) for _ in queries]
    own = np.stack([ascending(rng, 40, 8) for _ in queries])
    own[rng.random(own.shape) < 0.3] = -1
    own[4] = -1
    expected = [
        slow_negatives(query, database, sorted(set(pool[places[places >= 0]].tolist()) - set(rows.tolist())), 4)
        for query, rows, places in zip(queries, close, own, strict=True)
    ]
    found = hardest_negatives(queries, database, pool, from_lists(close), 4, only=own).tolist()
    assert found == expected
    assert found[4] == [-1] * 4
    assert any(0 < row.count(-1) < 4 for row in found)


@pytest.mark.usefixtures("blocks")
def test_equal_negatives_come_by_row():
    """Integers, so that equal distances are equal to the last bit; all that are equal are wanted."""
    database = np.array([[3, 0], [0, 1], [1, 0], [9, 9], [0, -1], [2, 2]], np.float32)
    queries = np.zeros((5, 2), np.float32)
    found = hardest_negatives(queries, database, np.arange(6), from_lists([np.array([5])] * 5), 4)
    assert found.tolist() == [[1, 2, 4, 0]] * 5


@pytest.mark.parametrize("count", [3, 5])
def test_more_negatives_wanted_than_there_are(count):
    database = np.arange(4, dtype=np.float32)[:, None]
    found = hardest_negatives(
        np.zeros((2, 1), np.float32), database, np.array([1, 3]), from_lists([np.array([3]), []]), count
    )
    assert found.tolist() == [[1] + [-1] * (count - 1), [1, 3] + [-1] * (count - 2)]
