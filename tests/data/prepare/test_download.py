"""Downloads from a server on this machine that answers as bad servers do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from bad_server import CONTENT, Handler, Server, serving, zipped
from mini import write_image
from untouched import contents

from geoloc.data.domains import folder
from geoloc.data.prepare import sped
from geoloc.data.prepare.command import main
from geoloc.data.prepare.download import Download, NetworkError, fetch

HOW = "Get it by hand."


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def one(server: Server, **more: object) -> Download:
    return Download(f"{server.address}/file.bin", "file.bin", unpack=False, **more)


def test_a_file_arrives_whole_and_once(server, tmp_path):
    lines: list[str] = []
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    for _ in range(2):
        fetch([one(server, sha256=sha256)], tmp_path / "raw", HOW, lines.append)
    assert (tmp_path / "raw" / "file.bin").read_bytes() == CONTENT
    assert server.asked == [None]
    assert lines == [
        f"file.bin (1 of 1): from {server.address}/file.bin",
        "file.bin (1 of 1): there already",
    ]
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == ["downloads.json", "file.bin"]


def interrupt(server: Server, folder: Path, at: int) -> None:
    server.limit = at
    with pytest.raises(NetworkError, match=r"file\.bin: stopped after .* bytes.*; run the same command again"):
        fetch([one(server)], folder, HOW)
    server.limit = None
    assert not (folder / "file.bin").exists()


def test_an_interrupted_file_is_continued(server, tmp_path):
    interrupt(server, tmp_path, 700_001)
    assert (tmp_path / "file.bin.part").read_bytes() == CONTENT[:700_001]
    fetch([one(server, sha256=hashlib.sha256(CONTENT).hexdigest())], tmp_path, HOW)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=700001-"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["downloads.json", "file.bin"]


def test_a_server_without_ranges_begins_anew(server, tmp_path):
    server.ranges = False
    interrupt(server, tmp_path, 700_001)
    fetch([one(server)], tmp_path, HOW)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=700001-"]


@pytest.mark.parametrize(
    ("length", "version"),
    [
        (len(CONTENT), '"old"'),
        (len(CONTENT) + 5, '"old"'),
        (len(CONTENT) + 5, 'W/"weak"'),
        (len(CONTENT) + 5, ""),
        (1000, '"old"'),
        (1000, ""),
    ],
)
def test_another_file_at_the_same_address_begins_anew(server, tmp_path, length, version):
    """Whether the server tells by the version, or only the size is another one."""
    interrupt(server, tmp_path, 700_001)
    (tmp_path / "file.bin.part.json").write_text(json.dumps({"total": len(CONTENT), "version": version}))
    server.files["/file.bin"] = b"x" * length
    fetch([one(server)], tmp_path, HOW)
    assert (tmp_path / "file.bin").read_bytes() == b"x" * length


def test_a_part_of_unknown_origin_is_not_trusted(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(b"x" * 100)
    fetch([one(server)], tmp_path, HOW)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.asked == [None]


def test_a_part_that_is_complete_is_not_asked_for(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT)
    (tmp_path / "file.bin.part.json").write_text(json.dumps({"total": len(CONTENT), "version": ""}))
    fetch([one(server)], tmp_path, HOW)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.asked == []


def test_a_file_of_unknown_length(server, tmp_path):
    server.chunked = True
    interrupt(server, tmp_path, 700_001)
    fetch([one(server)], tmp_path, HOW)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.asked == [None, None]


def test_a_wrong_checksum_leaves_nothing(server, tmp_path):
    found = hashlib.sha256(CONTENT).hexdigest()
    with pytest.raises(NetworkError, match=f"file.bin has the SHA-256 {found}, not {'0' * 64}; it was removed"):
        fetch([one(server, sha256="0" * 64)], tmp_path, HOW)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("status", "message"),
    [(404, "404 Not Found; Get it by hand."), (503, "503 Service Unavailable; run the same command again")],
)
def test_refusals_say_what_to_do(server, tmp_path, status, message):
    server.status = status
    with pytest.raises(NetworkError) as caught:
        fetch([one(server)], tmp_path, HOW)
    assert str(caught.value).startswith(f"{server.address}/file.bin: {message}")
    assert "\n" not in str(caught.value)


def test_an_empty_file_is_none(server, tmp_path):
    server.files["/file.bin"] = b""
    for _ in range(2):
        with pytest.raises(NetworkError, match=r"file\.bin came without content; it was removed, run the same command"):
            fetch([one(server)], tmp_path, HOW)
        assert list(tmp_path.iterdir()) == []
    fetch([one(server, may_be_empty=True)], tmp_path, HOW)
    assert (tmp_path / "file.bin").read_bytes() == b""


def test_a_length_that_is_no_number_is_an_unknown_one(server, tmp_path):
    server.length = "many"
    fetch([one(server)], tmp_path, HOW)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_an_endless_redirection_is_one_line(server, tmp_path):
    server.status = 302
    with pytest.raises(NetworkError, match=r"302 .*infinite loop") as caught:
        fetch([one(server)], tmp_path, HOW)
    assert "\n" not in str(caught.value)


def test_a_web_page_is_no_file(server, tmp_path):
    server.kind = "text/html; charset=utf-8"
    with pytest.raises(NetworkError, match=r"sent a web page and not file\.bin\. Get it by hand\."):
        fetch([one(server)], tmp_path, HOW)
    assert list(tmp_path.iterdir()) == []


def test_nobody_there(tmp_path):
    closed = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    closed.server_close()
    url = f"http://127.0.0.1:{closed.server_port}/file.bin"
    with pytest.raises(NetworkError, match=r"cannot be reached \(.*refused\); run the same command again") as caught:
        fetch([Download(url, "file.bin")], tmp_path, HOW)
    assert str(caught.value).startswith(url)


def test_a_set_through_the_command_line(server, tmp_path, capsys, monkeypatch):
    for side, noise in (("ref", 0), ("query", 1)):
        write_image(tmp_path / "set" / "SPEDTEST" / side / "0000001.jpg", 1, noise=noise)
    server.files["/SPEDTEST.zip"] = zipped(contents(tmp_path / "set"))
    url = f"{server.address}/SPEDTEST.zip"
    monkeypatch.setattr(sped, "DOWNLOADS", (Download(url, "SPEDTEST.zip"),))
    monkeypatch.setattr(sped, "PUBLISHED", {"test/database": 1, "test/queries": 1})
    raw, out = str(tmp_path / "raw"), str(tmp_path / "sped")
    assert main(["sped", raw, "--out", out]) == 2
    assert "no such folder or file. Get SPEDTEST.zip" in capsys.readouterr().err
    server.status = 404
    assert main(["sped", raw, "--out", out, "--download"]) == 1
    assert capsys.readouterr().err == f"error: {url}: 404 Not Found; {sped.HOW}\n"
    server.status = 200
    assert main(["sped", raw, "--out", out, "--download"]) == 0
    assert f"SPEDTEST.zip (1 of 1): from {url}" in capsys.readouterr().out
    assert len(folder(out)) == 2
    server.files["/SPEDTEST.zip"] = zipped({"../evil": b""})
    assert main(["sped", str(tmp_path / "other"), "--download"]) == 2


def test_only_sets_that_need_no_form_have_the_flag(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["svox", str(tmp_path), "--download"])
    assert stopped.value.code == 2
    assert main(["eynsham", str(tmp_path / "gone")]) == 2
    assert "--download gets what needs no form." in capsys.readouterr().err
    assert main(["svox", str(tmp_path / "gone")]) == 2
    assert "--download" not in capsys.readouterr().err
