"""`geoloc.Index` in memory and in a folder: what is added, removed, found, written."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from made import DIM, add, files_in, index_of, numbers_of, segment_of, vector_of

import geoloc
from geoloc.errors import InputError
from geoloc.index.exact import Exact
from geoloc.index.faiss_flat import FaissFlat
from geoloc.index.faiss_hnsw import FaissHnsw
from geoloc.place_index import storage, tidying
from geoloc.place_index.agreement import check_precision


def brute(numbers, query, k):
    """Numbers of the nearest photos, one at a time in float64."""
    far = [
        (float(np.linalg.norm(vector_of(each).astype(float) - query.astype(float))), place)
        for place, each in enumerate(numbers)
    ]
    return [numbers[place] for _, place in sorted(far)[:k]]


@pytest.mark.parametrize("saved", [False, True])
def test_what_is_found_is_what_one_array_of_the_photos_left_would_give(tmp_path, saved):
    index = index_of(range(40), range(40, 43), range(100, 160))
    index.remove([f"{number}.jpg" for number in (0, 7, 41, 159)])
    add(index, [7])  # once more, at the end
    if saved:
        index.save(tmp_path / "index")
        index = geoloc.Index.load(tmp_path / "index")
    left = [n for n in (*range(43), *range(100, 160)) if n not in (0, 7, 41, 159)] + [7]
    assert numbers_of(index) == left
    queries = np.stack([vector_of(number) for number in (7, 1, 5000, 5001)])
    hits = index.search(queries, 9)
    flat = Exact().search(np.stack([vector_of(number) for number in left]), queries, 9)
    assert np.array_equal(hits.rows, flat.ids)
    assert np.array_equal(hits.distances, flat.distances)
    for found, query in zip(hits.ids, queries, strict=True):
        assert found.tolist() == [f"{number}.jpg" for number in brute(left, query, 9)]
    assert hits.ids[0, 0] == "7.jpg"
    assert hits.paths[0, 0] == "/photos/7.jpg"
    assert hits.times[0, 0] == "2024-01-01T00:00:07"
    assert hits.xy[0, 0].tolist() == [500_007, 4_000_000.25 + 7 / 3]
    assert hits.latlon.shape == (4, 9, 2)
    assert len(hits) == 4


def test_descriptors_may_be_a_tensor_and_k_more_than_there_are():
    index = index_of(range(5))
    hits = index.search(torch.from_numpy(vector_of(3))[None], 99)
    assert hits.ids.shape == (1, 5)
    assert hits.ids[0, 0] == "3.jpg"


def test_float16_is_searched_as_it_was_rounded(tmp_path):
    index = index_of(range(50), dtype="float16")
    index.save(tmp_path)
    index = geoloc.Index.load(tmp_path)
    assert numbers_of(index) == list(range(50))
    rounded = np.stack([vector_of(number) for number in range(50)]).astype(np.float16)
    query = vector_of(99)[None]
    assert np.array_equal(index.search(query, 5).distances, Exact().search(rounded, query, 5).distances)


@pytest.mark.parametrize(
    ("queries", "k", "message"),
    [
        (np.zeros((1, DIM + 1), np.float32), 5, "is of dimension 24, and the queries of 25"),
        (np.zeros((1, DIM), np.float32), 0, "k=0: must be a whole number, at least 1"),
        (np.zeros((1, DIM), np.float32), 2.5, "k=2.5: must be a whole number"),
        (np.zeros((1, DIM), np.float32), "5", "k='5': must be a whole number"),
        (np.array([[0.0] * DIM, [np.nan] * DIM]), 5, "the descriptor of query 1 is not finite"),
        (np.full((1, DIM), np.inf), 5, "the descriptor of query 0 is not finite"),
        (np.zeros(DIM), 5, r"descriptors are \(Q, D\) floats, and photos hold uint8; not \(24,\) floats"),
        (torch.zeros(2, 3, 4), 5, r"not \(2, 3, 4\) floats"),
        ("photo.jpg", 5, "photos need a network"),
        (np.zeros((8, 8, 3), np.uint8), 5, "photos need a network"),
    ],
)
def test_searches_that_make_no_sense(queries, k, message):
    with pytest.raises(InputError, match=message):
        index_of(range(3)).search(queries, k)


def test_an_empty_index_is_not_searched(tmp_path):
    index = index_of(range(3))
    assert index.remove(index.ids) == 3
    assert len(index) == 0
    assert index.xy.shape == (0, 2)
    assert index.latlon.shape == (0, 2)
    index.save(tmp_path)
    for again in (index, geoloc.Index.load(tmp_path)):
        with pytest.raises(InputError, match="the index is empty"):
            again.search(np.zeros((1, DIM), np.float32))
    assert files_in(tmp_path) == {"index.json"}


def test_ids_that_are_not_there_are_not_removed():
    index = index_of(range(3))
    with pytest.raises(InputError, match=r"2 ids are not in the index \(3\.jpg, x\)"):
        index.remove(["0.jpg", "x", "3.jpg"])
    assert len(index) == 3
    assert index.remove("0.jpg") == 1


def test_only_what_is_new_is_written(tmp_path):
    index = index_of(range(1000))
    index.save(tmp_path)
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in tmp_path.glob("segment-*")}
    index = geoloc.Index.load(tmp_path)
    add(index, range(2000, 2010))
    index.remove("5.jpg")
    index.save()
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in before} == before
    new = [path for path in tmp_path.iterdir() if path not in before and path.suffix == ".npy"]
    assert sum(path.stat().st_size for path in new) < 10 * DIM * 4 + 999 * 8 + 2 * 128 + 1
    assert numbers_of(geoloc.Index.load(tmp_path)) == [n for n in range(1000) if n != 5] + list(range(2000, 2010))


def test_a_save_without_changes_writes_nothing(tmp_path):
    index = index_of(range(10))
    index.save(tmp_path)
    manifest = (tmp_path / "index.json").stat()
    index.save()
    geoloc.Index.load(tmp_path).save()
    assert (tmp_path / "index.json").stat().st_ino == manifest.st_ino


def test_descriptors_stay_on_the_disk(tmp_path):
    index = index_of(range(10))
    index.save(tmp_path)
    for opened in (index, geoloc.Index.load(tmp_path)):
        assert isinstance(opened.contents.segments[0].vectors, np.memmap)


def test_much_that_is_removed_is_freed(tmp_path):
    index = index_of(range(100), range(100, 110))
    index.save(tmp_path)
    index.remove([f"{number}.jpg" for number in range(50)])
    index.save()
    assert sum("kept" in name for name in files_in(tmp_path)) == 1
    index.remove([f"{number}.jpg" for number in range(50, 60)])
    index.save()
    assert len(files_in(tmp_path)) == 3  # one block of two files, and the manifest
    assert numbers_of(index) == list(range(60, 110))
    assert numbers_of(geoloc.Index.load(tmp_path)) == list(range(60, 110))


def test_compacting(tmp_path):
    index = index_of(range(5), range(5, 9))
    with pytest.raises(InputError, match="save the index first"):
        index.compact()
    index.save(tmp_path)
    index.remove(["0.jpg", "8.jpg"])
    index.compact()
    assert len(files_in(tmp_path)) == 3
    assert numbers_of(index) == numbers_of(geoloc.Index.load(tmp_path)) == list(range(1, 8))
    before = files_in(tmp_path)
    index.compact()
    assert files_in(tmp_path) == before


def test_photos_that_come_one_by_one_do_not_become_a_file_each(tmp_path):
    index = index_of([0])
    index.save(tmp_path)
    for number in range(1, 80):
        add(index, [number])
        index.save()
    assert len(list(tmp_path.glob("segment-*.npy"))) <= tidying.MANY + 1
    assert numbers_of(geoloc.Index.load(tmp_path)) == list(range(80))


def test_a_second_folder_gets_all_and_the_first_stays(tmp_path):
    index = index_of(range(9))
    index.save(tmp_path / "a")
    index.remove("0.jpg")
    index.save(tmp_path / "b")
    assert numbers_of(geoloc.Index.load(tmp_path / "a")) == list(range(9))
    assert numbers_of(geoloc.Index.load(tmp_path / "b")) == list(range(1, 9))
    add(index, [20])
    index.save()
    assert numbers_of(geoloc.Index.load(tmp_path / "b")) == [*range(1, 9), 20]


def test_another_index_is_only_replaced_on_demand(tmp_path):
    index_of(range(9)).save(tmp_path)
    other = index_of(range(3))
    with pytest.raises(InputError, match="holds another index; overwrite=True replaces it"):
        other.save(tmp_path)
    assert numbers_of(geoloc.Index.load(tmp_path)) == list(range(9))
    other.save(tmp_path, overwrite=True)
    assert numbers_of(geoloc.Index.load(tmp_path)) == list(range(3))
    assert len(files_in(tmp_path)) == 3


def test_folders_of_other_things_are_left_alone(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match=r"holds other files \(file, holiday\.jpg\) and no index"):
        index_of(range(3)).save(tmp_path)
    with pytest.raises(InputError, match="is a file; name a folder"):
        index_of(range(3)).save(tmp_path / "file")
    with pytest.raises(InputError, match="save: name a folder"):
        index_of(range(3)).save()


def test_the_same_file_again_and_again():
    """What is written can be read by eye, and says what it is of."""
    plain = segment_of(range(3)).records.plain()
    assert json.loads(json.dumps(plain)) == {
        "folder": "/photos/",
        "ids": ["0.jpg", "1.jpg", "2.jpg"],
        "paths": ["0.jpg", "1.jpg", "2.jpg"],
        "zones": ["17 north"] * 3,
        "times": [f"2024-01-01T00:00:0{n}" for n in range(3)],
        "east": [500_000.0, 500_001.0, 500_002.0],
        "north": [4_000_000.25, 4_000_000.25 + 1 / 3, 4_000_000.25 + 2 / 3],
    }


def edit(folder, **values):
    """Change the manifest by hand."""
    content = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps({**content, **values}))


def block_of(folder):
    return json.loads((folder / "index.json").read_text())["segments"][0]


def edit_block(folder, **values):
    edit(folder, segments=[{**block_of(folder), **values}])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "index.json").unlink(), "is no index, it has no index.json"),
        (lambda folder: (folder / "index.json").write_text("{"), r"index\.json: is damaged \("),
        (lambda folder: (folder / "index.json").write_text('{"format": 2}'), "is no index of format 1"),
        (lambda folder: (folder / "index.json").write_text('{"format": 1, "revision": 1}'), "is damaged"),
        (
            lambda folder: next(folder.glob("segment*.npy")).unlink(),
            r"segment-.*\.npy: is missing, and .*index\.json names it",
        ),
        (lambda folder: next(folder.glob("segment*.json")).write_text("{}"), "is damaged"),
        (lambda folder: next(folder.glob("segment*.npy")).write_bytes(b"\x93NUMPY"), "is damaged"),
        (lambda folder: np.save(next(folder.glob("segment*.npy")), np.zeros((4, 2))), "is not what index.json says"),
        (lambda folder: edit(folder, coordinates="mars"), r"index\.json: is damaged"),
        (lambda folder: edit(folder, shown=None), r"index\.json: is damaged"),
        (lambda folder: edit_block(folder, facts=None), r"index\.json: is damaged"),
        (
            lambda folder: edit_block(folder, name=f"../{folder.name}/{block_of(folder)['name']}"),
            "is not what index.json",
        ),
        (
            lambda folder: np.save(folder / f"{block_of(folder)['kept']}.npy", np.array([0, 99])),
            "is not what index.json",
        ),
        (
            lambda folder: np.save(folder / f"{block_of(folder)['kept']}.npy", np.array([-1, 2])),
            "is not what index.json",
        ),
        (lambda folder: np.save(folder / f"{block_of(folder)['kept']}.npy", np.array([0.5])), "is not what index.json"),
    ],
)
def test_damage_is_told_in_one_line(tmp_path, damage, message):
    index = index_of(range(5))
    index.save(tmp_path)
    index.remove("1.jpg")
    index.save()
    damage(tmp_path)
    with pytest.raises(InputError, match=message) as error:
        geoloc.Index.load(tmp_path)
    assert "\n" not in str(error.value)


def test_a_file_that_was_cut_off_is_told(tmp_path):
    index_of(range(50)).save(tmp_path)
    path = next(tmp_path.glob("segment*.npy"))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match="is damaged"):
        geoloc.Index.load(tmp_path)


def test_an_engine_is_built_once_and_kept_with_the_index(tmp_path, monkeypatch):
    pytest.importorskip("faiss")
    index = index_of(range(300))
    queries = np.stack([vector_of(number) for number in range(5)])
    built = []
    make = FaissHnsw.build
    monkeypatch.setattr(FaissHnsw, "build", lambda self, database: built.append(len(database)) or make(self, database))
    for _ in range(2):
        assert index.search(queries, 3, engine=FaissHnsw(m=8)).rows[:, 0].tolist() == list(range(5))
    assert built == [300]  # in memory
    index.search(queries, 3, engine=FaissHnsw(m=9))
    assert built == [300, 300]  # other settings
    index.save(tmp_path)
    for _ in range(3):
        geoloc.Index.load(tmp_path).search(queries, 3, engine=FaissHnsw(m=8))
    assert built == [300] * 3  # of the saved one, once
    index.remove("0.jpg")
    assert index.search(queries, 3, engine=FaissHnsw(m=8)).ids[0, 0] != "0.jpg"
    index.save()
    assert not list(tmp_path.glob("*.fit"))  # it was of other photos
    found = geoloc.Index.load(tmp_path).search(queries, 3, engine=FaissHnsw(m=8))
    assert np.array_equal(found.rows, index.search(queries, 3, engine=FaissFlat()).rows)


def test_precisions_are_mixed_only_where_they_hardly_differ():
    close, rough = ({"precision": "bfloat16", "lowest_cosine": value} for value in (0.999995, 0.9996))
    exact = {"precision": "exact", "lowest_cosine": 1.0}
    check_precision([segment_of([1], facts=close)], exact, "here")
    check_precision([segment_of([1], facts=rough)], rough, "here")
    for old, new in ((rough, exact), (exact, rough)):
        with pytest.raises(InputError, match=f"computed in {old['precision']}, and these are .* in {new['precision']}"):
            check_precision([segment_of([1], facts=old)], new, "here")


def test_the_manifest_says_what_the_index_is_of(tmp_path):
    index_of(range(7)).save(tmp_path)
    content = storage.manifest_of(tmp_path)
    assert content["images"] == 7
    assert content["model"] == "m" * 32
    assert content["segments"][0]["facts"] == {"precision": "exact", "lowest_cosine": 1.0}
    assert repr(geoloc.Index.load(tmp_path)) == "<Index of 7 photos, 24 values each in float32, of model mmmmmmmm>"
