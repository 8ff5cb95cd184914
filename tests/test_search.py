"""Which index is used, and what of the crops is searched."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from geoloc.errors import InputError
from geoloc.index.exact import Exact
from geoloc.index.faiss_flat import FaissFlat
from geoloc.index.faiss_hnsw import FaissHnsw
from geoloc.index.fitting import fitted
from geoloc.postprocess.alpha_qe import AlphaQE
from geoloc.postprocess.geo_dbscan import GeoDBSCAN
from geoloc.search import BLOCK, check_chain, check_view, crop_rows, one_each
from geoloc.views.five_crops import FiveCrops
from geoloc.views.hard_resize import HardResize
from geoloc.views.maj_voting import MajVoting
from geoloc.views.nearest_crop import NearestCrop
from geoloc.views.single_query import SingleQuery
from geoloc.views.view import FiveSquares


@pytest.fixture
def database():
    return np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)


def test_an_index_is_written_once_and_read_afterwards(database, tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.INFO, "geoloc")
    path = tmp_path / "new" / "city.faiss_hnsw"
    built = fitted(FaissHnsw(m=8), database, path, "model")
    wanted = built.search(database[:5] + 0.1, 10)
    monkeypatch.setattr(FaissHnsw, "build", lambda *_: pytest.fail("built again"))
    written = path.read_bytes()
    found = fitted(FaissHnsw(m=8), database, path, "model").search(database[:5] + 0.1, 10)
    assert (found.ids.tolist(), found.distances.tolist()) == (wanted.ids.tolist(), wanted.distances.tolist())
    assert path.read_bytes() == written
    assert caplog.messages == []


@pytest.mark.parametrize("change", ["model", "settings", "database", "damage"])
def test_a_stale_file_is_built_anew_and_that_is_said(database, tmp_path, caplog, change):
    caplog.set_level(logging.INFO, "geoloc")
    path = tmp_path / "city.faiss_hnsw"
    fitted(FaissHnsw(m=8), database, path, "model")
    model, index, now = "model", FaissHnsw(m=8), database
    if change == "model":
        model = "another"
    elif change == "settings":
        index = FaissHnsw(m=4)
    elif change == "database":
        now = -database
    else:
        path.write_bytes(b"nothing")
    words = {
        "model": "from model model, not another",
        "settings": "with m=8",
        "database": "of descriptors with fingerprint",
        "damage": "is no index of geoloc, or is damaged",
    }
    found = fitted(index, now, path, model).search(now, 1)
    (line,) = caplog.messages
    assert words[change] in line
    assert line.endswith("; it is built anew")
    assert found.ids[:, 0].tolist() == list(range(50))
    caplog.clear()
    fitted(index, now, path, model)  # the new one is in its place
    assert caplog.messages == []


def test_where_no_file_is_written(database, tmp_path):
    for index in (Exact(), FaissFlat()):
        fitted(index, database, tmp_path / "city", "model")
    fitted(FaissHnsw(), database, None, "model")
    fitted(FaissHnsw(), database, tmp_path / "city", "model", write=False)
    assert list(tmp_path.iterdir()) == []


def test_rows_of_crops():
    assert crop_rows(np.array([2, 0]), 5).tolist() == [[10, 11, 12, 13, 14], [0, 1, 2, 3, 4]]
    assert crop_rows(np.array([], np.int64), 5).shape == (0, 5)


@pytest.mark.parametrize("queries", [3, BLOCK, 2 * BLOCK + 7])
def test_one_descriptor_of_several_crops(queries):
    draw = np.random.default_rng(queries)
    crops = draw.normal(size=(queries * 5, 6)).astype(np.float32)
    for own in (np.arange(queries), np.flatnonzero(draw.random(queries) < 0.5), np.array([], np.int64)):
        found = one_each(FiveCrops(), crops, own)
        assert found.shape == (len(own), 6)
        for query, vector in zip(own, found, strict=True):
            mean = sum(crops[5 * query + crop].astype(np.float64) for crop in range(5)) / 5
            length = sum(np.linalg.norm(crops[5 * query + crop]) for crop in range(5)) / 5
            assert vector == pytest.approx(mean / np.linalg.norm(mean) * length, abs=1e-5)
        for view in (NearestCrop(), MajVoting()):
            assert one_each(view, crops, own) is None


def test_one_descriptor_of_one_crop(tmp_path):
    np.save(tmp_path / "crops.npy", np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32))
    crops = np.load(tmp_path / "crops.npy", mmap_mode="r")
    for view in (HardResize(), SingleQuery()):
        assert one_each(view, crops, np.arange(9)) is crops  # and is not read into memory
        assert one_each(view, crops, np.array([7, 2])).tolist() == [crops[7].tolist(), crops[2].tolist()]
        assert one_each(view, crops, np.arange(8)).shape == (8, 4)


def test_views_and_chains_that_do_not_work():
    check_view(FiveCrops())
    with pytest.raises(ValueError, match="FiveSquares shows 5 crops, but has neither `pool` nor `merge`"):
        check_view(FiveSquares())
    check_chain(NearestCrop(), [GeoDBSCAN()])
    check_chain(FiveCrops(), [GeoDBSCAN(), AlphaQE()])
    with pytest.raises(InputError, match="postprocess: alpha_qe needs one descriptor of each query, and views=maj_vot"):
        check_chain(MajVoting(), [GeoDBSCAN(), AlphaQE()])
