"""index=milvus on milvus-lite, asked by the same client as a server; what all indexes share is in test_index.py."""

import logging
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("pymilvus")
pytest.importorskip("milvus_lite")
from brute import brute, check_distances, clustered
from pymilvus import MilvusClient

from geoloc.errors import InputError
from geoloc.index import milvus_collection
from geoloc.index.exact import Exact
from geoloc.index.fitting import release
from geoloc.index.grouped import fitted_groups
from geoloc.index.milvus import Milvus
from geoloc.index.milvus_collection import Collection
from geoloc.lit.evaluation import Evaluation


@pytest.fixture(scope="module")
def vectors():
    return clustered(1500, 32, 30)


@pytest.fixture
def uri(tmp_path):
    return str(tmp_path / "sub" / "milvus.db")


def collections(uri):
    return sorted(MilvusClient(uri).list_collections())


@pytest.mark.parametrize("kind", ["HNSW", "IVF_FLAT", "IVF_SQ8", "FLAT"])
def test_finds_nearly_all(kind, uri, vectors):
    database, queries = vectors
    found = Milvus(uri, kind).search(database, queries, 10)
    check_distances(found, database, queries)
    assert (found.ids == brute(database, queries, 10)[0]).mean() > 0.95


def test_a_poor_graph_finds_less(uri, vectors):
    """Or the settings would not reach Milvus."""
    database, queries = vectors
    truth, _ = brute(database, queries, 10)

    def share(**settings):
        return (Milvus(uri, rerank=1, **settings).search(database, queries, 10).ids == truth).mean()

    poor = {"build": {"M": 2, "efConstruction": 4}, "search": {"ef": 1}}
    assert share(**poor) < share() - 0.1


def test_a_collection_is_dropped_when_it_is_released(uri, vectors):
    database, queries = vectors
    index = Milvus(uri)
    fitted = index.fit(database)
    (name,) = collections(uri)
    assert fitted.built.name == name
    index.fit(database).release()  # found there, so it is not its to drop
    assert collections(uri) == [name]
    assert fitted.search(queries, 5).ids.shape == (30, 5)
    fitted.release()
    assert collections(uri) == []
    index.search(database, queries, 5)
    assert collections(uri) == []


def test_those_of_groups_are_released_too(uri, vectors):
    database, queries = vectors
    parts = {"a": np.arange(0, 700), "b": np.arange(700, 1500)}
    built = fitted_groups(Milvus(uri), database, parts, None, "", True)
    assert len(collections(uri)) == 2
    found = built.search(queries, np.array(["b"] * 30), 10)
    assert np.array_equal(found.ids, brute(database[700:], queries, 10)[0] + 700)
    release(built)
    assert collections(uri) == []
    release(Exact().fit(database))  # has nothing to clear away


def test_what_is_saved_stays_and_is_not_filled_again(uri, tmp_path, vectors, monkeypatch):
    database, queries = vectors
    index = Milvus(uri)
    fitted = index.fit(database)
    before = fitted.search(queries, 10)
    fitted.save(tmp_path / "a", "abc")
    fitted.release()
    assert len(collections(uri)) == 1
    monkeypatch.setattr(Collection, "_insert", lambda *_: pytest.fail("filled again"))
    assert np.array_equal(index.load(tmp_path / "a", "abc", database).search(queries, 10).ids, before.ids)
    assert np.array_equal(index.search(database, queries, 10).ids, before.ids)
    assert len(collections(uri)) == 1


def test_descriptors_of_two_networks_are_never_mixed(uri, tmp_path, vectors):
    """Not even where they differ in one value of one row, which the fingerprint of a file may not see."""
    database, queries = vectors
    other = database.copy()
    other[777, 3] += 1e-3
    index = Milvus(uri)
    first, second, third = index.fit(database), index.fit(other), Milvus(uri, "FLAT").fit(database)
    assert len({first.built.name, second.built.name, third.built.name}) == 3 == len(collections(uri))
    first.save(tmp_path / "a", "abc")
    with pytest.raises(InputError, match="was built from model abc, not def"):
        index.load(tmp_path / "a", "def", database)
    with pytest.raises(InputError, match="was built with kind=HNSW, M=32, efConstruction=200, not kind=HNSW, M=4"):
        Milvus(uri, build={"M": 4, "efConstruction": 200}).load(tmp_path / "a", "abc", database)
    found = second.search(queries, 10)
    check_distances(found, other, queries)


def test_what_a_killed_run_has_left_is_filled_anew(uri, vectors):
    database, queries = vectors
    index = Milvus(uri)
    fitted = index.fit(database[:400])
    name = fitted.built.name
    rows = [{"row": 0, "descriptor": database[0]}]
    client = MilvusClient(uri)
    fitted.release()
    half = Collection(uri, name, index.searching)
    half._create(32)
    client.insert(name, rows)
    client.flush(name)
    assert not half.is_complete(400)
    whole = index.fit(database[:400])
    assert whole.built.name == name
    assert np.array_equal(whole.search(queries, 10).ids, brute(database[:400], queries, 10)[0])


def test_a_collection_that_is_gone_is_told(uri, tmp_path, vectors):
    index = Milvus(uri)
    fitted = index.fit(vectors[0])
    fitted.save(tmp_path / "a", "abc")
    MilvusClient(uri).drop_collection(fitted.built.name)
    with pytest.raises(
        InputError, match=rf"^{tmp_path}/a: its collection geoloc_\w+ is not in .*; build the index anew$"
    ):
        index.load(tmp_path / "a", "abc", vectors[0])


def test_messages_are_small_and_progress_is_told(uri, vectors, monkeypatch):
    database, queries = vectors
    monkeypatch.setattr(milvus_collection, "AT_ONCE", 4 * 32 * 7)  # seven descriptors
    told = []
    index = Milvus(uri)
    index.progress = lambda *numbers: told.append(numbers)
    found = index.search(database[:20], queries, 3)
    assert told == [(7, 20), (14, 20), (20, 20)]
    assert np.array_equal(found.ids, brute(database[:20], queries, 3)[0])


def test_few_candidates_are_completed_by_exact_search(uri, vectors, caplog, monkeypatch):
    database, queries = vectors
    fitted = Milvus(uri).fit(database)
    plain = fitted.search(queries, 10)
    search = fitted.built.search

    def poor(asked, count):
        squared, rows = search(asked, count)
        rows[2, 4:] = -1
        return squared, rows

    monkeypatch.setattr(fitted.built, "search", poor)
    with caplog.at_level(logging.WARNING):
        completed = fitted.search(queries, 10)
    assert caplog.messages == ["milvus found fewer than 10 rows for 1 of 30 queries; those were searched exactly"]
    assert np.array_equal(completed.ids[2], brute(database, queries[2:3], 10)[0][0])
    assert np.array_equal(np.delete(completed.ids, 2, 0), np.delete(plain.ids, 2, 0))


def test_a_server_that_does_not_answer_is_told_before_anything_starts():
    index = Milvus("http://localhost:1", "IVF_PQ")
    for call in (index.check_installed, lambda: index.fit(np.zeros((3, 4), np.float32))):
        with pytest.raises(InputError) as caught:
            call()
        assert str(caught.value).startswith("index=milvus: http://localhost:1 cannot be reached (")
        assert str(caught.value).endswith(
            "start a Milvus server there, or name a file, such as index.uri=logs/milvus.db"
        )
        assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_file_that_another_process_has_open_is_told(uri, tmp_path):
    (tmp_path / "sub").mkdir()
    held = MilvusClient(uri)
    code = f"from geoloc.index.milvus import Milvus; import numpy as np; Milvus({uri!r}).fit(np.eye(4, dtype='f4'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"InputError: index=milvus: {uri} cannot be opened; another run may have it open" in done.stderr
    assert "DataDirLockedError" not in done.stderr
    held.close()


def test_too_long_descriptors_are_refused(uri):
    with pytest.raises(
        InputError, match="takes at most 32,768 values a descriptor, and these have 32,769; whitening=pca"
    ):
        Milvus(uri).fit(np.zeros((1, 32_769), np.float32))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"uri": "milvus"}, "uri: milvus is neither a server"),
        ({"uri": "http://me:secret@host:19530"}, "uri: holds a password"),
        ({"uri": "a.db", "kind": "IVF_PQ"}, "kind: milvus-lite, which searches a.db, has no IVF_PQ"),
        ({"uri": "a.db", "rerank": 0}, "rerank must be at least 1, not 0"),
    ],
)
def test_settings_that_cannot_work_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message) as caught:
        Milvus(**arguments)
    assert "secret" not in str(caught.value)


def test_parameters_suit_the_database():
    server = Milvus("http://host:19530", "IVF_PQ")
    assert server.building(1_000_000, 512) == {"nlist": 4000, "m": 64, "nbits": 8}
    assert server.building(100, 6) == {"nlist": 2, "m": 6, "nbits": 8}
    assert server.searching(200) == {"nprobe": 16}
    assert Milvus("a.db").searching(200) == {"ef": 200}
    assert Milvus("a.db", search={"ef": 500}).searching(200) == {"ef": 500}
    assert Milvus("a.db", "FLAT").building(10, 4) == {}
    assert (server.depth(5), server.depth(190), server.depth(20_000)) == (200, 206, 16_384)
    assert server.memory(10**8, 512) == 0
    assert Milvus("a.db").memory(1000, 512) == 1000 * (4 * 512 + 8 * 32)


def test_without_the_package_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(InputError, match=r"index=milvus: needs pymilvus; pip install 'geoloc\[milvus\]'"):
        Milvus("a.db").check_installed()


def test_several_processes_are_refused_before_anything_is_described(tmp_path):
    evaluation = Evaluation(Milvus("a.db"), [1], 25, 1, tmp_path)
    evaluation.attach(SimpleNamespace(world_size=1), 8)
    with pytest.raises(
        InputError, match=r"index=milvus: is filled by one process, and there are 2; use trainer.devices=1"
    ):
        evaluation.attach(SimpleNamespace(world_size=2), 8)
    Evaluation(Exact(), [1], 25, 1, tmp_path).attach(SimpleNamespace(world_size=2), 8)
