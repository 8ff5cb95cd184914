"""An index on the disk: whatever happens to who writes it, who reads it has the old one or the new one."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from made import DIM, add, files_in, index_of, numbers_of, segment_of, vector_of

import geoloc
from geoloc.errors import InputError
from geoloc.place_index import storage

OLD = [*range(1, 20), *range(30, 40)]
NEW = [*range(2, 20), *range(30, 40), *range(50, 60)]


def old_index(folder: Path):
    index = index_of(range(20), range(30, 40))
    index.save(folder)
    index.remove("0.jpg")
    index.save()
    return index


def change(index) -> None:
    index.remove("1.jpg")
    add(index, range(50, 60))


def told(call) -> str:
    """What a call refuses; empty if it does not."""
    try:
        call()
    except InputError as error:
        return str(error)
    return ""


def steps_of(monkeypatch, what) -> list[str]:
    """Call `what(step)` before everything that a save does to the disk; returns the names of the steps so far."""
    steps: list[str] = []

    def before(owner, name, label):
        real = getattr(owner, name)

        def wrapped(*args, **kwargs):
            if label != "open" or args[1:] == ("wb",):  # reading needs no room
                steps.append(label)
                what(len(steps))
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, name, wrapped)

    before(os, "fsync", "fsync")
    before(Path, "open", "open")
    before(Path, "replace", "replace")
    before(Path, "unlink", "unlink")
    return steps


def count_steps(tmp_path, monkeypatch) -> int:
    index = old_index(tmp_path / "counted")
    with monkeypatch.context() as patch:
        steps = steps_of(patch, lambda step: None)
        change(index)
        index.save()
    assert {"fsync", "open", "replace", "unlink"} <= set(steps)
    return len(steps)


def test_a_full_disk_at_any_step_leaves_the_old_one(tmp_path, monkeypatch):
    total = count_steps(tmp_path, monkeypatch)
    outcomes = set()
    for failing in range(1, total + 1):
        folder = tmp_path / str(failing)
        index = old_index(folder)
        change(index)
        before = files_in(folder)

        def full(step, failing=failing):
            if step == failing:
                raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            steps_of(patch, full)
            said = told(index.save)
        outcomes.add(bool(said))
        if said:
            assert "the index cannot be written (No space left on device); what was there is as it was" in said
            assert "\n" not in said
            assert files_in(folder) == before  # nothing is left that takes room
        # What may fail is what is not needed, such as the deletion of a file that no longer counts.
        assert numbers_of(geoloc.Index.load(folder)) == (OLD if said else NEW)
        assert numbers_of(index) == NEW  # in memory nothing is lost
        index.save()
        assert numbers_of(geoloc.Index.load(folder)) == NEW
    assert outcomes == {True, False}


def test_a_disk_that_is_full_in_the_middle_of_a_file(tmp_path):
    index = old_index(tmp_path)
    add(index, range(50, 150))
    before = files_in(tmp_path)
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))  # of 9,600 bytes of descriptors
        os._exit("File too large" in told(index.save))
    assert os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 1
    assert files_in(tmp_path) == before
    assert numbers_of(geoloc.Index.load(tmp_path)) == OLD


def test_a_kill_at_any_step_leaves_the_old_one_or_the_new_one(tmp_path, monkeypatch):
    total = count_steps(tmp_path, monkeypatch)
    seen = []
    for failing in range(1, total + 1):
        folder = tmp_path / str(failing)
        index = old_index(folder)

        def killed(step, failing=failing):
            if step == failing:
                os.kill(os.getpid(), signal.SIGKILL)

        child = os.fork()
        if child == 0:
            steps_of(monkeypatch, killed)
            change(index)
            index.save()
            os._exit(0)  # not reached
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
        found = numbers_of(geoloc.Index.load(folder))
        assert found in (OLD, NEW)
        seen.append(found == NEW)
        # The next writer goes on, also from memory that knows nothing of it, and clears up.
        again = geoloc.Index.load(folder)
        add(again, [70])
        again.save()
        assert numbers_of(again) == [*found, 70]
        assert len(files_in(folder)) <= 1 + 2 * len(again.contents.segments) + 2
        named = {each["name"] for each in storage.manifest_of(folder)["segments"]}
        assert {path.stem for path in folder.glob("segment-*.npy")} == named
    assert seen == sorted(seen)  # old before a certain step, and new ever after
    assert seen[0] is False
    assert seen[-1] is True


def test_a_kill_while_the_first_is_saved_leaves_none(tmp_path, monkeypatch):
    child = os.fork()
    if child == 0:
        steps_of(monkeypatch, lambda step: step < 4 or os.kill(os.getpid(), signal.SIGKILL))
        index_of(range(5)).save(tmp_path / "index")
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    assert files_in(tmp_path / "index")
    with pytest.raises(InputError, match="is no index"):
        geoloc.Index.load(tmp_path / "index")
    index_of(range(6)).save(tmp_path / "index")  # the same call again
    assert numbers_of(geoloc.Index.load(tmp_path / "index")) == list(range(6))
    assert len(files_in(tmp_path / "index")) == 3


def test_an_interrupted_save_after_the_manifest_keeps_the_new_one(tmp_path, monkeypatch):
    index = old_index(tmp_path)
    change(index)
    real = Path.replace

    def interrupted(self, target):
        real(self, target)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            index.save()
    assert numbers_of(geoloc.Index.load(tmp_path)) == NEW


def test_a_reader_keeps_what_it_has_opened(tmp_path):
    index = old_index(tmp_path)
    reader = geoloc.Index.load(tmp_path)
    query = vector_of(1)[None]
    before = reader.search(query, 5)
    index.remove(index.ids[:25])
    index.compact()
    assert len(files_in(tmp_path)) == 3
    assert numbers_of(reader) == OLD
    after = reader.search(query, 5)
    assert np.array_equal(before.rows, after.rows)
    assert np.array_equal(before.distances, after.distances)
    assert before.ids[0, 0] == "1.jpg"


def test_hits_stay_those_of_the_index_that_was_searched():
    index = index_of(range(9))
    hits = index.search(vector_of(8)[None], 1)
    index.remove([f"{number}.jpg" for number in range(8)])
    assert hits.ids.tolist() == [["8.jpg"]]
    assert hits.rows.tolist() == [[8]]
    assert index.search(vector_of(8)[None], 1).rows.tolist() == [[0]]


def test_a_reader_that_meets_a_writer_begins_again(tmp_path, monkeypatch):
    """Between the manifest and its files, a writer may have deleted them."""
    index = old_index(tmp_path)
    index.remove(index.ids[:5])
    real, once = storage._segment, []

    def late(*args):
        if not once:
            once.append(True)
            index.compact()
        return real(*args)

    monkeypatch.setattr(storage, "_segment", late)
    assert numbers_of(geoloc.Index.load(tmp_path)) == OLD[5:]


def test_readers_and_a_writer_at_the_same_time(tmp_path):
    index = index_of(range(50))
    index.save(tmp_path)
    child = os.fork()
    if child == 0:
        for turn in range(40):
            add(index, range(1000 + 10 * turn, 1010 + 10 * turn))
            index.remove(index.ids[:10])
            index.compact() if turn % 3 == 0 else index.save()
            time.sleep(0.01)
        os._exit(0)
    seen = set()
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        reader = geoloc.Index.load(tmp_path)
        numbers = numbers_of(reader)  # each with its own descriptor and position
        assert len(numbers) == 50
        assert numbers[-1] == 49 or numbers[-1] % 10 == 9
        found = reader.search(np.stack([vector_of(numbers[0]), vector_of(numbers[-1])]), 1)
        assert found.rows.ravel().tolist() == [0, 49]
        seen.add(numbers[-1])
    assert len(seen) > 2
    assert numbers_of(geoloc.Index.load(tmp_path)) == list(range(1350, 1400))


def test_what_two_writers_add_is_all_there(tmp_path):
    index_of(range(50)).save(tmp_path)
    children = []
    for writer in range(3):
        child = os.fork()
        if child == 0:
            index = geoloc.Index.load(tmp_path)
            for turn in range(8):
                add(index, [1000 * (writer + 1) + turn])
                index.remove(f"{8 * writer + turn}.jpg")
                index.save()
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    numbers = numbers_of(geoloc.Index.load(tmp_path))
    assert numbers[:26] == list(range(24, 50))
    assert sorted(numbers[26:]) == [1000 * writer + turn for writer in (1, 2, 3) for turn in range(8)]


def test_the_same_photo_added_by_two_is_refused_by_name(tmp_path):
    index_of(range(5)).save(tmp_path)
    one, other = geoloc.Index.load(tmp_path), geoloc.Index.load(tmp_path)
    for index in (one, other):
        add(index, [7, 8])
    add(other, [9])
    one.save()
    with pytest.raises(InputError, match=r"another process has added 2 of the same photos .*\(7\.jpg, 8\.jpg\)"):
        other.save()
    assert numbers_of(geoloc.Index.load(tmp_path)) == [0, 1, 2, 3, 4, 7, 8]


def test_what_one_has_added_and_removed_again_is_not_removed_of_another(tmp_path):
    index_of(range(5)).save(tmp_path)
    one, other = geoloc.Index.load(tmp_path), geoloc.Index.load(tmp_path)
    add(one, [7])
    one.remove("7.jpg")
    add(other, [7])
    other.save()
    one.remove("0.jpg")
    one.save()
    assert numbers_of(one) == [1, 2, 3, 4, 7]


def test_an_index_that_was_replaced_meanwhile_is_not_mixed(tmp_path):
    index_of(range(5)).save(tmp_path)
    index = geoloc.Index.load(tmp_path)
    other = index_of(range(3), dtype="float16")
    other.save(tmp_path, overwrite=True)
    add(index, [9])
    with pytest.raises(InputError, match="has been replaced by another index meanwhile; save this one elsewhere"):
        index.save()
    assert numbers_of(geoloc.Index.load(tmp_path)) == [0, 1, 2]


def test_an_index_that_was_built_anew_meanwhile_is_not_lost(tmp_path):
    """Deleted and saved again, so that it was saved as often as the one that was loaded."""
    index_of(range(5)).save(tmp_path / "index")
    index = geoloc.Index.load(tmp_path / "index")
    shutil.rmtree(tmp_path / "index")
    index_of(range(10, 13)).save(tmp_path / "index")
    add(index, [99])
    index.save()
    assert numbers_of(geoloc.Index.load(tmp_path / "index")) == [10, 11, 12, 99]


def test_a_writer_waits_for_another_and_then_says_so(tmp_path, monkeypatch):
    index = old_index(tmp_path)
    change(index)
    monkeypatch.setattr(storage, "PATIENCE", 0.1)
    with FileLock(tmp_path / storage.LOCK):
        start = time.perf_counter()
        with pytest.raises(InputError, match="another process has been writing this index") as error:
            index.save()
        assert time.perf_counter() - start < 5
    assert "\n" not in str(error.value)
    index.save()
    assert numbers_of(geoloc.Index.load(tmp_path)) == NEW


def test_an_index_whose_folder_is_gone_is_written_anew(tmp_path):
    index = old_index(tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "b")
    change(index)
    index.save()
    assert numbers_of(geoloc.Index.load(tmp_path / "a")) == NEW
    assert numbers_of(geoloc.Index.load(tmp_path / "b")) == OLD


def test_large_segments_are_written_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "AT_ONCE", 3 * DIM * 4)
    index = index_of(range(10))
    index.contents = index.contents.plus(segment_of(range(20, 30))).without({"21.jpg"})
    index.save(tmp_path)
    assert numbers_of(geoloc.Index.load(tmp_path)) == [*range(10), 20, *range(22, 30)]


def test_reading_needs_no_right_to_write(tmp_path):
    old_index(tmp_path)
    (tmp_path / storage.LOCK).unlink()
    mode = tmp_path.stat().st_mode
    tmp_path.chmod(0o555)
    try:
        assert numbers_of(geoloc.Index.load(tmp_path)) == OLD
    finally:
        tmp_path.chmod(mode)
    assert not (tmp_path / storage.LOCK).exists()
