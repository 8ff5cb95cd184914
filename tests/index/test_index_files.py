import json

import numpy as np
import pytest
from brute import INDEXES, clustered

from geoloc.errors import InputError
from geoloc.index.exact import Exact
from geoloc.index.faiss_flat import FaissFlat
from geoloc.index.faiss_hnsw import FaissHnsw
from geoloc.index.faiss_ivfpq import FaissIvfpq


@pytest.fixture(scope="module")
def vectors():
    return clustered(600, 16, 12)


@pytest.fixture(params=list(INDEXES))
def index(request):
    return INDEXES[request.param]()


def test_what_is_loaded_answers_as_what_was_saved(index, tmp_path, vectors):
    database, queries = vectors
    fitted = index.fit(database)
    before = fitted.search(queries, 20)
    fitted.save(tmp_path / "a.index", "abc")
    loaded = index.load(tmp_path / "a.index", "abc", database.copy())
    del fitted
    after = loaded.search(queries, 20)
    assert np.array_equal(before.ids, after.ids)
    assert np.array_equal(before.distances, after.distances)
    assert [path.name for path in tmp_path.iterdir()] == ["a.index"]


def test_what_is_loaded_is_not_built_again(tmp_path, vectors, monkeypatch):
    for index in (INDEXES["faiss_hnsw"](), INDEXES["faiss_ivfpq"]()):
        index.fit(vectors[0]).save(tmp_path / "a", "abc")
        monkeypatch.setattr(type(index), "build", lambda *_: pytest.fail("built again"))
        index.load(tmp_path / "a", "abc", vectors[0])


def test_few_descriptors_are_saved_too(index, tmp_path, vectors):
    index.fit(vectors[0][:3]).save(tmp_path / "a", "abc")
    loaded = index.load(tmp_path / "a", "abc", vectors[0][:3])
    assert np.array_equal(loaded.search(vectors[1], 20).ids, Exact().search(vectors[0][:3], vectors[1], 20).ids)


def test_files_hold_no_descriptors(tmp_path):
    database, _ = clustered(2000, 256, 1)
    for name, most in {"exact": 3000, "faiss_flat": 3000, "faiss_hnsw": 500_000, "faiss_ivfpq": 320_000}.items():
        INDEXES[name]().fit(database).save(tmp_path / name, "abc")  # the descriptors are 2,048,000 bytes
        assert (tmp_path / name).stat().st_size < most


def refused(tmp_path, index, vectors, model="abc"):
    path = tmp_path / "a.index"
    with pytest.raises(InputError) as caught:
        index.load(path, model, vectors)
    assert len(caught.value.problems) == 1
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


def test_another_model_is_refused(index, tmp_path, vectors):
    index.fit(vectors[0]).save(tmp_path / "a.index", "abc")
    message = refused(tmp_path, index, vectors[0], "def")
    assert message == "was built from model abc, not def; delete it to build the index anew, or name another file"


def test_other_descriptors_are_refused(index, tmp_path, vectors):
    database = vectors[0]
    index.fit(database).save(tmp_path / "a.index", "abc")
    assert "was built of this many descriptors: 600, not 599 (model abc); delete it" in refused(
        tmp_path, index, database[:599]
    )
    assert "was built of descriptors of dimension 16, not 15 (model abc)" in refused(tmp_path, index, database[:, :15])
    other = database.copy()
    other[-1, 3] += 1e-3
    assert "was built of descriptors with fingerprint" in refused(tmp_path, index, other)
    assert "was built of descriptors with fingerprint" in refused(tmp_path, index, database[::-1])


def test_other_settings_are_refused(tmp_path, vectors):
    FaissHnsw(m=8, ef_construction=40).fit(vectors[0]).save(tmp_path / "a.index", "abc")
    assert "was built with m=8, ef_construction=40, not m=9, ef_construction=40 (model abc)" in refused(
        tmp_path, FaissHnsw(m=9, ef_construction=40), vectors[0]
    )
    FaissIvfpq(bytes=4).fit(vectors[0]).save(tmp_path / "a.index", "abc")
    assert "was built with lists=None, bytes=4, not lists=5, bytes=4" in refused(
        tmp_path, FaissIvfpq(lists=5, bytes=4), vectors[0]
    )


def test_another_index_is_refused(tmp_path, vectors):
    Exact().fit(vectors[0]).save(tmp_path / "a.index", "abc")
    assert "was built by index exact, not faiss_flat" in refused(tmp_path, FaissFlat(), vectors[0])


def test_settings_of_the_search_may_change(tmp_path, vectors):
    database, queries = vectors
    FaissHnsw(m=4, ef_construction=10, ef_search=1).fit(database).save(tmp_path / "h", "abc")
    FaissIvfpq(lists=8, probes=1, bytes=4, rerank=1).fit(database).save(tmp_path / "i", "abc")
    exact = Exact().search(database, queries, 1)
    loaded = FaissIvfpq(lists=8, probes=8, bytes=4, rerank=600).load(tmp_path / "i", "abc", database)
    assert np.array_equal(loaded.search(queries, 1).ids, exact.ids)
    assert (
        FaissHnsw(m=4, ef_construction=10, ef_search=77).load(tmp_path / "h", "abc", database).built.hnsw.efSearch == 77
    )


def test_a_missing_or_damaged_file_is_refused(index, tmp_path, vectors):
    assert refused(tmp_path, index, vectors[0]) == "no such file; build the index first"
    path = tmp_path / "a.index"
    index.fit(vectors[0]).save(path, "abc")
    content = path.read_bytes()
    for bad in (b"", b"hello", content[: len(content) // 2], content[:200] + b"!" + content[201:]):
        path.write_bytes(bad)
        assert refused(tmp_path, index, vectors[0]).startswith("is no index of geoloc, or is damaged; delete it")


def test_pickled_and_foreign_arrays_are_refused(tmp_path, vectors):
    path = tmp_path / "a.index"
    for arrays in (
        {"content": np.empty(0, np.uint8)},
        {"stamp": np.array([{"index": "exact"}], dtype=object), "content": np.empty(0, np.uint8)},
        {"stamp": np.array(json.dumps({"index": "exact"})), "content": np.empty(0, np.uint8)},
        {"stamp": np.array("[1]"), "content": np.empty(0, np.uint8)},
    ):
        with path.open("wb") as file:
            np.savez(file, **arrays)
        assert refused(tmp_path, Exact(), vectors[0]).startswith("is no index of geoloc, or is damaged")


def test_a_failed_write_leaves_the_old_file(tmp_path, vectors, monkeypatch):
    path = tmp_path / "a.index"
    Exact().fit(vectors[0]).save(path, "abc")
    before = path.read_bytes()

    def fail(file, **_):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="disk full"):
        Exact().fit(vectors[0]).save(path, "def")
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["a.index"]


def test_float16_and_float32_of_the_same_values_are_the_same_database(tmp_path, vectors):
    half = vectors[0].astype(np.float16)
    Exact().fit(half).save(tmp_path / "a", "abc")
    Exact().load(tmp_path / "a", "abc", half.astype(np.float32))
