"""Candidates on a map for the tests of the geographic steps."""

import numpy as np

from geoloc.postprocess.chain import Evidence
from geoloc.predictions import Predictions

ORDERS = ("size", "size_distance", "heads", "nearest_heads")


def evidence(xy):
    """Of a database at these positions."""
    return Evidence(xy=np.asarray(xy, np.float64).reshape(-1, 2), panos=np.full(len(xy), ""))


def ordered(step, xy, distances=None):
    """Order of the whole database at these positions as the candidates of one query."""
    ids = np.arange(len(xy))[None]
    distances = np.arange(len(xy)) if distances is None else distances
    order = step(ids, np.array([distances], np.float32), evidence(xy))
    assert order.dtype == np.int64
    return order[0].tolist()


def random_case(seed, queries=25, c=20, grid=True):
    """Predictions and evidence: on a small grid of whole metres (many equal distances), or anywhere without ties."""
    rng = np.random.default_rng(seed)
    size = 4 * c
    xy = rng.integers(0, 30, (size, 2)).astype(float) if grid else rng.uniform(0, 40, (size, 2))
    ids = rng.permuted(np.tile(np.arange(size), (queries, 1)), axis=1)[:, :c]
    distances = rng.integers(0, c, (queries, c)) if grid else rng.random((queries, c))
    xy += (500_000.0, 4_000_000.0)
    return Predictions(ids, distances.astype(np.float32), size), evidence(xy)


def metres(evidence, ids):
    """Matrix of distances between the candidates of one query as lists, in plain Python."""
    points = evidence.xy[ids].tolist()
    return [[((ax - bx) ** 2 + (ay - by) ** 2) ** 0.5 for bx, by in points] for ax, ay in points]
