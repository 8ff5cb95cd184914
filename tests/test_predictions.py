import numpy as np
import pytest

from geoloc.predictions import Descriptors, Predictions


def predictions(ids, size=10):
    ids = np.array(ids, dtype=np.int64)
    return Predictions(ids, np.zeros(ids.shape, np.float32), size)


def test_padding_of_an_index_is_refused():
    with pytest.raises(ValueError, match=r"0\.\.9"):
        predictions([[3, -1]])


def test_rows_beyond_the_database_and_repeats_are_refused():
    with pytest.raises(ValueError, match=r"0\.\.9"):
        predictions([[10]])
    with pytest.raises(ValueError, match="predicted twice"):
        predictions([[1, 2], [4, 4]])
    assert len(predictions([[1, 2], [2, 1]])) == 2


def test_broken_distances_and_descriptors_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        Predictions(np.array([[0]]), np.array([[np.nan]], np.float32), 1)
    with pytest.raises(ValueError, match="NaN or infinity"):
        Descriptors(np.array([[1.0], [np.nan]], np.float32), 1)
    with pytest.raises(ValueError, match="one side empty"):
        Descriptors(np.ones((2, 1), np.float32), 2)


def test_the_two_sides_of_descriptors():
    both = Descriptors(np.arange(6, dtype=np.float32).reshape(3, 2), 2)
    assert both.database.tolist() == [[0, 1], [2, 3]]
    assert both.queries.tolist() == [[4, 5]]
