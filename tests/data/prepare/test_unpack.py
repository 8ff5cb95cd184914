"""Archives are unpacked into their folder and nowhere else."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from bad_server import CONTENT, Server, serving, tarred, zipped
from untouched import contents

from geoloc.data.prepare.download import Download, fetch
from geoloc.data.prepare.unpack import unpack
from geoloc.errors import InputError

HOW = "Get it by hand."


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def test_archives_are_unpacked_and_those_in_them(server, tmp_path):
    server.files |= {
        "/a.zip": zipped({"set/": b"", "set/one.jpg": b"1", "inner.zip": zipped({"new/0.png": b"0"})}),
        "/b.tar.gz": tarred({"two.jpg": b"22"}),
        "/c.tar": b"",
    }
    downloads = [
        Download(f"{server.address}/a.zip", "a.zip", inside=("inner.zip",)),
        Download(f"{server.address}/b.tar.gz", "b.tar.gz", into="winter"),
        Download(f"{server.address}/c.tar", "c.tar", may_be_empty=True),
    ]
    lines: list[str] = []
    fetch(downloads, tmp_path, HOW, lines.append)
    there = contents(tmp_path)
    assert {name: there[name] for name in ("set/one.jpg", "new/0.png", "winter/two.jpg")} == {
        "set/one.jpg": b"1",
        "new/0.png": b"0",
        "winter/two.jpg": b"22",
    }
    assert "a.zip: 2 files unpacked" in lines
    assert "c.tar: is empty" in lines
    # What is finished is not asked for again, even where its archive was removed.
    (tmp_path / "a.zip").unlink()
    fetch(downloads, tmp_path, HOW)
    assert len(server.asked) == 3


def test_unpacking_is_continued(server, tmp_path):
    server.files["/a.zip"] = zipped({"one.jpg": b"1", "two.jpg": b"22"})
    download = Download(f"{server.address}/a.zip", "a.zip")
    fetch([download], tmp_path, HOW)
    (tmp_path / "downloads.json").unlink()
    (tmp_path / "two.jpg").write_bytes(b"2")  # cut short
    before = (tmp_path / "one.jpg").stat().st_mtime_ns
    fetch([download], tmp_path, HOW)
    assert (tmp_path / "two.jpg").read_bytes() == b"22"
    assert (tmp_path / "one.jpg").stat().st_mtime_ns == before
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "name", ["../evil.txt", "/tmp/evil-geoloc.txt", "a/../../evil.txt", "..\\evil.txt", "C:\\evil"]
)
@pytest.mark.parametrize("make", [zipped, tarred])
def test_members_outside_the_folder_are_refused(server, tmp_path, name, make):
    server.files["/a.zip"] = make({"good.txt": b"good", name: b"evil"})
    raw = tmp_path / "deep" / "raw"
    with pytest.raises(InputError, match="would be written outside the folder"):
        fetch([Download(f"{server.address}/a.zip", "a.zip")], raw, HOW)
    assert not list(tmp_path.rglob("*evil*"))
    assert not Path("/tmp/evil-geoloc.txt").exists()
    assert "downloads.json" not in contents(raw)


def test_links_and_damaged_archives_are_refused(server, tmp_path):
    server.files |= {
        "/link.tar": tarred({}, link="/etc/passwd"),
        "/cut.zip": zipped({"one.jpg": b"1" * 1000})[:-30],
        "/cut.tar.gz": tarred({"one.jpg": CONTENT})[:-900],
        "/lacks.zip": zipped({"one.jpg": b"1"}),
    }
    for name, message in {
        "link.tar": "link is a link or a device",
        "cut.zip": r"cut\.zip: cannot be unpacked \(.*\); remove it and get it anew",
        "cut.tar.gz": r"cut\.tar\.gz: cannot be unpacked \(.*\); remove it",
        "lacks.zip": r"lacks\.zip: has no inner\.zip in it",
    }.items():
        with pytest.raises(InputError, match=message) as caught:
            fetch([Download(f"{server.address}/{name}", name, inside=("inner.zip",))], tmp_path, HOW)
        assert len(caught.value.problems) == 1
        assert "\n" not in caught.value.problems[0]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_an_archive_is_not_blamed_for_the_disk(tmp_path, monkeypatch, code):
    archive = tmp_path / "a.zip"
    archive.write_bytes(zipped({"one.jpg": b"1"}))

    def fail(source, target, length):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(shutil, "copyfileobj", fail)
    with pytest.raises(InputError) as caught:
        unpack(archive, tmp_path / "raw")
    (problem,) = caught.value.problems
    assert problem.startswith(f"{archive}: cannot be unpacked into {tmp_path / 'raw'} ({os.strerror(code)}); mend that")
    assert archive.is_file()


def test_a_member_that_ends_too_early_is_one_line(tmp_path):
    """The directory of the archive says that its one member is longer than the whole file."""
    content = bytearray(zipped({"one.jpg": b"1"}))
    directory = content.index(b"PK\x01\x02")
    for field in (20, 24):  # compressed and whole size
        content[directory + field : directory + field + 4] = (10_000).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(
        InputError,  # newer versions of Python see it before they read
        match=r"a\.zip: cannot be unpacked \((it ends too early|Overlapped entries: .*)\); remove it and get it anew",
    ):
        unpack(tmp_path / "a.zip", tmp_path / "raw")
