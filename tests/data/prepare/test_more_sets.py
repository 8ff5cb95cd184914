"""Sets without positions, and SVOX, from tiny raw folders in the original layouts."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from mini import write_image
from PIL import Image
from untouched import contents

from geoloc.data.domains import Domain, folder
from geoloc.data.prepare import amstertime, nordland, sped, svox
from geoloc.data.prepare.command import main
from geoloc.data.prepare.write import write
from geoloc.errors import InputError


def panos(domain: Domain) -> tuple[list[str], list[str]]:
    """Field 7 of the names of both sides."""
    return tuple([name.split("@")[7] for name in side.names] for side in (domain.database, domain.queries))


def pair_folders(raw: Path, database: str, queries: str, stems: list[str], kind: str = ".jpg") -> Path:
    for number, stem in enumerate(stems):
        write_image(raw / database / f"{stem}{kind}", seed=number)
        write_image(raw / queries / f"{stem}.jpg", seed=number, noise=1)
    return raw


def test_amstertime_pairs_lie_1000_m_apart(tmp_path, capsys):
    raw = pair_folders(tmp_path / "raw", "new", "old", ["0000", "0001", "0003"], ".png")
    (raw / "image_pairs.csv").write_text("id\n")
    before = contents(raw)
    assert main(["amstertime", str(raw), "--out", str(tmp_path / "amstertime")]) == 1
    assert contents(raw) == before
    out, err = capsys.readouterr()
    assert "test/database          3      1,231" in out
    assert "test/queries: 3 photos, but 1,231 are published" in err
    domain = folder(tmp_path / "amstertime")
    assert domain.database.xy.tolist() == domain.queries.xy.tolist()
    assert domain.database.xy.tolist() == [[500_000, 0], [500_000, 1000], [500_000, 2000]]
    assert panos(domain) == (["0000", "0001", "0003"],) * 2
    assert [name[-4:] for name in domain.database.names] == [".png"] * 3
    assert domain.positives(25).counts.tolist() == [1, 1, 1]
    assert domain.database.path(2).read_bytes() == (raw / "new" / "0003.png").read_bytes()
    assert domain.queries.path(2).read_bytes() == (raw / "old" / "0003.jpg").read_bytes()


def test_a_missing_folder_of_pairs_shows_how_to_get_the_set(tmp_path):
    for module, name in ((amstertime, "new"), (sped, "ref")):
        with pytest.raises(InputError, match=rf"{name}: no such folder\. {re.escape(module.HOW)}"):
            module.plan(tmp_path)


def test_a_photo_without_a_partner_is_named(tmp_path):
    raw = pair_folders(tmp_path, "new", "old", ["0000", "0001"], ".png")
    (raw / "old" / "0001.jpg").unlink()
    with pytest.raises(InputError, match=r"1 photos have no partner .*\(0001\)"):
        amstertime.plan(raw)
    with pytest.raises(InputError, match="ref: no such folder"):
        sped.plan(raw)


@pytest.mark.parametrize("inner", ["SPEDTEST", ""])
def test_sped_in_its_folder_or_as_its_folder(tmp_path, inner):
    raw = pair_folders(tmp_path / "raw" / inner, "ref", "query", ["0000001", "0000002"]) and tmp_path / "raw"
    (raw / inner / "ground_truth_new.npy").write_bytes(b"")
    summary = write(sped.plan(raw), tmp_path / "sped")
    assert summary.counts == {"test/database": 2, "test/queries": 2}
    assert summary.published == {"test/database": 607, "test/queries": 607}
    domain = folder(tmp_path / "sped")
    assert domain.queries.xy.tolist() == [[500_000, 0], [500_000, 1000]]
    # `ref` is the database.
    assert domain.database.path(0).read_bytes() == (raw / inner / "ref" / "0000001.jpg").read_bytes()
    assert domain.queries.path(0).read_bytes() == (raw / inner / "query" / "0000001.jpg").read_bytes()


@pytest.fixture
def railway(tmp_path) -> Path:
    """24 frames of summer and winter, of which the list names 22."""
    raw = tmp_path / "raw"
    for number in range(200, 224):
        for season, noise in (("summer", 0), ("winter", 1)):
            write_image(raw / season / f"images-{number:05d}.png", number, (4, 4), noise)
    kept = [number for number in range(200, 224) if number not in (203, 204)]
    (raw / "cleanImageNames.txt").write_text("".join(f"images-{number:05d}.png\n" for number in kept))
    return raw


def test_nordland_counts_frames_as_metres(railway, tmp_path):
    before = contents(railway)
    summary = write(nordland.plan(railway), tmp_path / "nordland")
    assert contents(railway) == before
    assert summary.counts == {"test/database": 22, "test/queries": 22}
    assert summary.published == {"test/database": 27_592, "test/queries": 27_592}
    domain = folder(tmp_path / "nordland")
    np.testing.assert_allclose(domain.queries.xy[:, 1], [round(i * 25 / 10.5, 2) for i in range(22)])
    np.testing.assert_array_equal(domain.database.xy, domain.queries.xy)
    # Frame i counts as right for 10 frames to each side, and no more.
    near = domain.positives(25)
    assert near.of(0).tolist() == list(range(11))
    assert near.of(11).tolist() == list(range(1, 22))
    assert set(domain.database.conditions) == {"summer"}
    assert set(domain.queries.conditions) == {"winter"}
    # Frames 203 and 204 are not on the list: 205 follows 202.
    assert domain.queries.path(3).read_bytes() == (railway / "winter" / "images-00205.png").read_bytes()


def test_the_tolerance_holds_at_the_far_end_of_the_real_line():
    """Names hold centimetres: no rounding may let an 11th frame in or a 10th out."""
    line = np.round(np.arange(nordland.FRAMES) * nordland.SPACING, 2)
    assert (line[10:] - line[:-10]).max() <= 25 < (line[11:] - line[:-11]).min()
    assert line.max() < 10_000_000


def test_nordland_turned_round_and_thinned_out(railway, tmp_path):
    plan = nordland.plan(railway, "summer", 10)
    assert plan.published == {"test/database": 27_592, "test/queries": 2760}
    write(plan, tmp_path / "nordland")
    domain = folder(tmp_path / "nordland")
    assert panos(domain)[1] == ["00000", "00010", "00020"]
    assert set(domain.queries.conditions) == {"summer"}
    assert len(domain.database) == 22
    with pytest.raises(InputError, match=re.escape("was prepared as nordland (queries summer, every 10), not as")):
        write(nordland.plan(railway), tmp_path / "nordland")


def test_what_nordland_lacks_is_said(railway, tmp_path, capsys):
    (railway / "winter" / "images-00207.png").unlink()
    assert main(["nordland", str(railway), "--out", str(tmp_path / "out")]) == 2
    assert "1 of 44 photos are missing in the raw set" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main(["nordland", str(railway), "--every", "0"]) == 2
    assert "every: must be at least 1 frame, not 0" in capsys.readouterr().err
    (railway / "cleanImageNames.txt").write_text("")
    assert main(["nordland", str(railway)]) == 2
    assert "cleanImageNames.txt: is empty" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"cleanImageNames.txt: no such file\. Get summer"):
        nordland.plan(tmp_path)


def svox_photo(side: Path, east: float, tag: str, noise: int = 0) -> Path:
    name = f"@{east:010.2f}@5733000.00@30@U@051.75000@-001.26000@{tag}@01@090@@@@201409@@.jpg"
    return write_image(side / name, seed=round(east), noise=noise)


@pytest.fixture
def oxford(tmp_path) -> Path:
    images = tmp_path / "raw" / "svox" / "images"
    for split, folders in {
        "train": ["queries", "queries_night", "queries_n5_d1"],
        "val": ["queries"],
        "test": ["queries", *(f"queries_{condition}" for condition in svox.CONDITIONS)],
    }.items():
        svox_photo(images / split / "gallery", 619_000, "g0")
        svox_photo(images / split / "gallery", 619_100, "g1")
        for number, name in enumerate(folders):
            svox_photo(images / split / name, 619_010, name.replace("_", ""), number + 1)
    return tmp_path / "raw"


def test_svox_conditions_become_folders_and_notes(oxford, tmp_path):
    before = contents(oxford)
    plan = svox.plan(oxford)
    assert plan.notes == ["left out, since no folder of the set is called so: train/queries_n5_d1"]
    assert svox.plan(oxford / "svox").sides == plan.sides
    summary = write(plan, tmp_path / "svox")
    assert contents(oxford) == before
    assert summary.counts["train/queries_night"] == 1
    assert summary.counts["val/database"] == 2
    assert set(summary.published) <= set(summary.counts)
    for condition in svox.CONDITIONS:
        domain = folder(tmp_path / "svox", queries=f"queries_{condition}")
        assert domain.queries.conditions.tolist() == [condition]
        assert domain.queries.xy.tolist() == [[619_010, 5_733_000]]
        assert set(domain.database.zones.tolist()) == {"30 north"}
        assert domain.positives(25).of(0).tolist() == [0]
    day = folder(tmp_path / "svox")
    assert day.queries.conditions.tolist() == [""]
    assert day.database.names.tolist() == [
        f"@{east}@5733000.00@30@U@051.75000@-001.26000@{tag}@01@090@@@@201409@@.jpg"
        for east, tag in (("0619000.00", "g0"), ("0619100.00", "g1"))
    ]


def test_svox_names_and_folders_that_are_none(oxford, tmp_path):
    side = oxford / "svox" / "images" / "test" / "queries"
    Image.new("RGB", (4, 4)).save(side / "IMG_1.jpg")
    with pytest.raises(InputError, match=r"IMG_1\.jpg: the name must be @east@north"):
        svox.plan(oxford)
    with pytest.raises(InputError, match=r"gallery: no such folder\. Get svox\.zip"):
        svox.plan(tmp_path / "empty")
