"""Re-ranking by position where a domain has several UTM zones: the same as in the plane of one."""

from __future__ import annotations

import numpy as np
import pytest

from geoloc.earth import in_one_frame
from geoloc.postprocess.chain import Evidence
from geoloc.postprocess.geo_agglomerative import GeoAgglomerative
from geoloc.postprocess.geo_dbscan import GeoDBSCAN
from geoloc.postprocess.geo_density import GeoDensity
from geoloc.postprocess.geo_neighbours import GeoNeighbours


@pytest.mark.parametrize(
    "step",
    [
        GeoDBSCAN(),
        GeoAgglomerative(order="size_distance"),
        GeoNeighbours(order="heads"),
        GeoDensity(weight=0.5),
    ],
    ids=lambda step: type(step).__name__,
)
def test_a_second_zone_changes_nothing_in_the_first(step):
    rng = np.random.default_rng(0)
    flat = rng.uniform(0, 200, (60, 2)) + np.array([584_000, 4_476_000])
    away = np.array([[584_000, 4_476_000]])  # the same numbers, sixteen zones to the east
    zones = np.array(["17 north"] * 60 + ["33 north"])
    solid = in_one_frame(np.concatenate([flat, away]), zones)
    candidates = np.stack([rng.permutation(60)[:20] for _ in range(30)])
    distances = np.sort(rng.uniform(0.2, 1, (30, 20)).astype(np.float32), axis=1)
    orders = [
        step(candidates, distances, Evidence(xy=xy, panos=np.full(len(xy), "")))
        for xy in (np.concatenate([flat, away + 1e5]), solid)
    ]
    assert orders[0].tolist() == orders[1].tolist()
    assert (orders[0] != np.arange(20)).any()
