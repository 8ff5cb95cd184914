import multiprocessing

import pytest

from geoloc.data import loaders
from geoloc.data.loaders import workers_for


@pytest.mark.parametrize(
    ("method", "images", "batches", "most", "workers"),
    [
        ("fork", 15, 15, 8, 0),
        ("fork", 16, 16, 8, 1),
        ("fork", 100, 25, 8, 6),
        ("fork", 10_000, 625, 8, 8),
        ("fork", 10_000, 625, 0, 0),
        ("fork", 144, 3, 8, 3),  # three batches of 48 images
        ("spawn", 511, 32, 8, 0),
        ("spawn", 1_100, 69, 8, 2),
        ("forkserver", 100_000, 6_250, 8, 8),
    ],
)
def test_each_worker_has_enough_to_read(monkeypatch, method, images, batches, most, workers):
    monkeypatch.setattr(loaders.mp, "get_start_method", lambda allow_none: method)
    assert workers_for(images, batches, most) == workers


def test_asking_decides_nothing(monkeypatch):
    before = multiprocessing.get_start_method(allow_none=True)
    workers_for(100, 10, 2)
    assert multiprocessing.get_start_method(allow_none=True) == before


def test_every_start_method_has_its_number():
    assert set(multiprocessing.get_all_start_methods()) <= set(loaders.WORTH)
