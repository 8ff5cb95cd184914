import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
from mini import write_image

from geoloc.data.check import scan as module
from geoloc.data.check.cache import ScanCache, cache_file
from geoloc.data.check.scan import scan


@pytest.fixture
def files(tmp_path):
    """40 photos, of which 5 are cut short."""
    paths = [write_image(tmp_path / "photos" / f"{row}.jpg", row, size=(32, 48)) for row in range(40)]
    for path in paths[::9]:
        path.write_bytes(path.read_bytes()[:300])
    return paths


@pytest.fixture
def read(monkeypatch):
    """Names of the files that are decoded in this process."""
    names = []
    measure = module.measure
    monkeypatch.setattr(module, "measure", lambda name: names.append(name) or measure(name))
    return names


def test_a_second_scan_reads_nothing(tmp_path, files, read):
    cache = ScanCache(tmp_path / "deep" / "scan.sqlite")
    first = scan(files, 0, cache)
    assert read == [str(path) for path in files]
    assert np.flatnonzero(~first.readable).tolist() == [0, 9, 18, 27, 36]
    assert set(zip(first.widths[first.readable], first.heights[first.readable], strict=True)) == {(48, 32)}
    read.clear()
    second = scan(files, 0, ScanCache(tmp_path / "deep" / "scan.sqlite"))
    assert read == []
    for name in ("sizes", "widths", "heights", "modes", "contents", "looks", "told", "brightness", "errors"):
        assert getattr(first, name).tolist() == getattr(second, name).tolist(), name


def test_a_changed_file_is_read_again(tmp_path, files, read):
    cache = ScanCache(tmp_path / "scan.sqlite")
    scan(files, 0, cache)
    read.clear()
    write_image(files[0], 0, size=(32, 48))
    state = files[3].stat()
    os.utime(files[3], ns=(state.st_atime_ns, state.st_mtime_ns + 1))  # same size and bytes
    assert scan(files, 0, cache).readable[0]
    assert read == [str(files[0]), str(files[3])]


def test_a_file_that_is_listed_twice_is_read_once(tmp_path, files, read):
    photos = scan([files[1], files[2], files[1]], 0, ScanCache(tmp_path / "scan.sqlite"))
    assert read == [str(files[1]), str(files[2])]
    assert photos.contents.tolist() == [0, 1, 0]


def test_an_interrupted_scan_goes_on_where_it_was(tmp_path, files, read):
    def stop(done, total):
        assert total == 40
        if done == 25:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(files, 0, ScanCache(tmp_path / "scan.sqlite"), stop)
    read.clear()
    told = []
    scan(files, 0, ScanCache(tmp_path / "scan.sqlite"), lambda *numbers: told.append(numbers))
    assert read == [str(path) for path in files[25:]]
    assert told[-1] == (15, 15)


def test_two_processes_find_what_one_finds(tmp_path, files):
    alone = scan(files, 0, ScanCache(tmp_path / "one.sqlite"))
    shared = scan(files, 2, ScanCache(tmp_path / "two.sqlite"))
    for name in ("sizes", "widths", "modes", "contents", "looks", "brightness", "errors"):
        assert getattr(alone, name).tolist() == getattr(shared, name).tolist(), name


@pytest.mark.slow
def test_processes_end_when_the_one_that_started_them_is_killed(tmp_path, files):
    code = (
        "import os, sys, time\nfrom pathlib import Path\nfrom geoloc.data.check import scan\n"
        "scan.measure = lambda name: (print(os.getpid(), flush=True), time.sleep(600))\n"
        "scan.scan([Path(name) for name in sys.argv[2:]], 2, scan.ScanCache(Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "scan.sqlite"), *map(str, files)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as job:
        workers = [int(job.stdout.readline()) for _ in range(2)]
        job.kill()
        try:
            job.communicate(timeout=30)  # returns when the last process that can print has ended
        finally:
            for worker in workers:
                with suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
    assert len(set(workers)) == 2


def test_a_missing_file_is_looked_for_again(tmp_path, files, read):
    cache = ScanCache(tmp_path / "scan.sqlite")
    late = tmp_path / "late.jpg"
    assert scan([late], 0, cache).errors.tolist() == ["cannot be opened (No such file or directory)"]
    write_image(late, 1)
    assert scan([late], 0, cache).errors.tolist() == [""]


def test_a_cache_that_cannot_be_used_is_a_warning(tmp_path, files, caplog):
    (tmp_path / "file").write_text("")
    assert len(scan(files[:2], 0, ScanCache(tmp_path / "file" / "scan.sqlite"))) == 2
    assert "what the scan finds is not kept" in caplog.text
    caplog.clear()
    (tmp_path / "broken.sqlite").write_bytes(b"no database at all" * 100)
    assert len(scan(files[:2], 0, ScanCache(tmp_path / "broken.sqlite"))) == 2
    assert caplog.text.count("what the scan finds is not kept") == 1


def test_records_of_another_version_are_measured_again(tmp_path, files, read):
    scan(files[:3], 0, ScanCache(tmp_path / "scan.sqlite"))
    with sqlite3.connect(tmp_path / "scan.sqlite") as base:
        base.execute("UPDATE images SET version = -1 WHERE path = ?", [str(files[1])])
    read.clear()
    scan(files[:3], 0, ScanCache(tmp_path / "scan.sqlite"))
    assert read == [str(files[1])]


def test_where_the_cache_lies(monkeypatch, tmp_path):
    monkeypatch.setenv("GEOLOC_CACHE", "/a")
    assert str(cache_file()) == "/a/scan.sqlite"
    monkeypatch.delenv("GEOLOC_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert str(cache_file()) == "/b/geoloc/scan.sqlite"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/c")
    assert str(cache_file()) == "/c/.cache/geoloc/scan.sqlite"
