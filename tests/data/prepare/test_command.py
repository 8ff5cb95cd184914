import errno
import hashlib
import shutil
import sys

import pytest
from mini import write_image

import geoloc.data.prepare
from geoloc.data.domains import folder
from geoloc.data.prepare import command, pitts30k
from geoloc.data.prepare.command import main

TOY = '''"""Toy town: photos in a row.

Somebody, "Some paper", 2024.
"""

from pathlib import Path
from typing import Literal

from geoloc.data.prepare.plan import Photo, Plan
from geoloc.errors import InputError

HOW = "Draw it yourself; RAW holds 0.jpg, 1.jpg, ..."


def plan(
    raw: Path, city: str, size: Literal["small", "large"] = "small", step: float = 10.0, limit: int | None = None,
    every_photo: bool = True,
) -> Plan:
    """Plan it.

    Args:
        raw: The folder.
        city: Name of the city, 100% of it,
            in capitals.
        size: Of the town.
        step: Metres between photos.
        limit: At most so many.
        every_photo: Not every other.

    Returns:
        The plan.
    """
    if city != city.upper():
        raise InputError(f"--city {city}: needs capitals", "and another problem")
    paths = sorted(raw.glob("*.jpg"))[: limit][:: 1 if every_photo else 2]
    photos = [Photo(path, 500_000 + step * i, 4_000_000.0, note=city) for i, path in enumerate(paths)]
    sides = {"test/database": photos[:1], "test/queries": photos[1:]}
    return Plan("toy_town", sides, {"test/queries": 2}, [f"a {size} one"])
'''


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A set of its own module, among nothing but a private module; its raw folder."""
    home = tmp_path / "modules"
    home.mkdir()
    (home / "toy_town.py").write_text(TOY)
    (home / "_shared.py").write_text('"""No set."""\n')
    monkeypatch.setattr(command, "package", [str(home)])
    monkeypatch.setattr(geoloc.data.prepare, "__path__", [*geoloc.data.prepare.__path__, str(home)])
    monkeypatch.setenv("DATASETS_FOLDER", str(tmp_path / "sets"))
    for number in range(3):
        write_image(tmp_path / "raw" / f"{number}.jpg", number)
    yield tmp_path / "raw"
    sys.modules.pop("geoloc.data.prepare.toy_town", None)


def test_sets_are_the_modules_with_a_plan(toy):
    assert command.modules() == {"toy_town": "Toy town: photos in a row."}


def test_sets_that_are_there():
    known = command.modules()
    assert {"pitts30k", "pitts250k", "tokyo247", "tokyo_night"} <= set(known)
    assert not {"command", "plan", "write", "_dbstruct", "_pitts", "_tokyo"} & set(known)
    assert all(line.endswith(".") for line in known.values())


def test_help_lists_the_sets_once(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert f"  pitts30k       {command.modules()['pitts30k']}\n" in text
    assert text.count("pitts30k") == 1
    assert "SUPPRESS" not in text


def test_without_a_set_all_are_listed(capsys):
    assert main([]) == 0
    assert f"  nordland       {command.modules()['nordland']}\n" in capsys.readouterr().out


def test_help_of_a_set_says_how_and_what_options_mean(toy, capsys):
    with pytest.raises(SystemExit) as end:
        main(["toy_town", "--help"])
    assert end.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Toy town: photos in a row." in text
    assert 'Somebody, "Some paper", 2024.' in text
    assert "Draw it yourself; RAW holds 0.jpg" in text
    for part in (
        "--city CITY Name of the city, 100% of it, in capitals --size",
        "--size {small,large} Of the town (default: small)",
        "--step STEP Metres between photos (default: 10.0)",
        "--limit LIMIT At most so many --every-photo",
        "--every-photo, --no-every-photo Not every other",
        "--out OUT",
        "--copy",
        "--checksums",
    ):
        assert part in text


def test_options_reach_the_plan(toy, tmp_path, capsys):
    assert main(["toy_town", str(toy), "--city", "ROMA", "--step", "2.5", "--size", "large"]) == 0
    domain = folder(tmp_path / "sets/toy_town")
    assert domain.queries.xy[:, 0].tolist() == [500_002.5, 500_005.0]
    assert domain.queries.notes.tolist() == ["ROMA", "ROMA"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["photos", "published"],
        ["test/database", "1", "-"],
        ["test/queries", "2", "2"],
        ["3", "linked"],
        ["a", "large", "one"],
        [f"{tmp_path}/sets/toy_town", "is", "ready"],
    ]


@pytest.mark.parametrize("option", [["--limit", "2"], ["--no-every-photo"]])
def test_other_numbers_than_published_end_with_1(toy, capsys, option):
    assert main(["toy_town", str(toy), "--city", "ROMA", *option]) == 1
    assert (
        "warning: test/queries: 1 photos, but 2 are published; the raw set is not complete" in capsys.readouterr().err
    )


def test_copy_and_out(toy, tmp_path, capsys):
    assert main(["toy_town", str(toy), "--city", "ROMA", "--copy", "--out", str(tmp_path / "here")]) == 0
    assert "3 copied" in capsys.readouterr().out
    assert not (tmp_path / "sets").exists()
    assert not {path.stat().st_ino for path in toy.iterdir()} & {
        path.stat().st_ino for path in (tmp_path / "here").rglob("*.jpg")
    }


def test_checksums(toy, tmp_path):
    assert main(["toy_town", str(toy), "--city", "ROMA", "--checksums"]) == 0
    home = tmp_path / "sets/toy_town"
    lines = (home / "checksums.sha256").read_text().splitlines()
    assert lines == [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(home)}"
        for path in sorted(home.rglob("*.jpg"))
    ]
    assert len(lines) == 3


def test_every_problem_is_a_line(toy, capsys):
    assert main(["toy_town", str(toy), "--city", "Roma"]) == 2
    assert capsys.readouterr().err == "error: --city Roma: needs capitals\nerror: and another problem\n"


@pytest.mark.parametrize(
    "arguments", [["toy_city", "raw"], ["toy_town", "raw"], ["toy_town", "raw", "--city", "A", "--size", "huge"]]
)
def test_what_cannot_be_understood_ends_with_2(toy, arguments):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2


def test_a_missing_raw_folder_shows_how_to_get_the_set(tmp_path, capsys):
    assert main(["pitts30k", str(tmp_path / "raw"), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path}/raw: no such folder or file. {pitts30k.HOW}\n"


def test_an_interrupted_call_is_one_line_and_is_repeated(toy, capsys, monkeypatch):
    def stop(source, target):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", stop)
        assert main(["toy_town", str(toy), "--city", "ROMA", "--copy"]) == 130
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.endswith("interrupted; the same call goes on where this one ended")
    assert main(["toy_town", str(toy), "--city", "ROMA", "--copy"]) == 0


def test_a_full_disk_is_one_line(toy, tmp_path, capsys, monkeypatch):
    def fail(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", fail)
    assert main(["toy_town", str(toy), "--city", "ROMA", "--copy"]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.endswith("error: [Errno 28] No space left on device; the same call goes on where this one ended")


def test_a_file_in_the_place_of_the_folder_is_wrong_input(toy, tmp_path, capsys):
    (tmp_path / "taken").write_text("")
    for out in (tmp_path / "taken", tmp_path / "taken" / "set"):
        assert main(["toy_town", str(toy), "--city", "ROMA", "--out", str(out)]) == 2
        assert f"error: {out}: cannot be made (" in capsys.readouterr().err
