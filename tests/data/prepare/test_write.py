import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from matlab import contents
from mini import write_image
from PIL import Image

from geoloc.data.prepare.plan import Photo, Plan
from geoloc.data.prepare.plan import relative_path as name_of
from geoloc.data.prepare.write import write, write_checksums
from geoloc.errors import InputError


def photo(raw, number, **fields):
    """A photo of the raw set, 10 m east of the one before."""
    path = raw / f"{number}{fields.pop('extension', '.jpg')}"
    if not path.exists():
        write_image(path, number, size=fields.pop("size", (64, 64)))
    return Photo(path, 500_000.0 + 10 * number, 4_000_000.0, **fields)


def plan_of(*queries, raw, **more):
    return Plan("toy", {"test/database": [photo(raw, 0, zone="17T")], "test/queries": list(queries)}, **more)


def test_links_share_the_file_and_copies_do_not(tmp_path):
    plan = plan_of(photo(tmp_path / "raw", 1), raw=tmp_path / "raw")
    source = plan.sides["test/queries"][0].source
    assert write(plan, tmp_path / "linked").ways == {"linked": 2}
    assert write(plan, tmp_path / "copied", copy=True).ways == {"copied": 2}
    target = f"images/test/queries/{name_of(plan.sides['test/queries'][0])}"
    linked, copied = tmp_path / "linked" / target, tmp_path / "copied" / target
    assert linked.stat().st_ino == source.stat().st_ino
    assert copied.stat().st_ino != source.stat().st_ino
    assert copied.read_bytes() == source.read_bytes()


def test_without_links_files_are_copied(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    plan = plan_of(photo(tmp_path / "raw", 1), raw=tmp_path / "raw")
    assert write(plan, tmp_path / "out").ways == {"copied": 2}


def test_a_link_in_the_raw_set_is_followed(tmp_path):
    real = photo(tmp_path / "elsewhere", 1)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "1.jpg").symlink_to(real.source)
    query = photo(tmp_path / "raw", 1)
    write(plan_of(query, raw=tmp_path / "raw"), tmp_path / "out")
    target = tmp_path / "out/images/test/queries" / name_of(query)
    assert not target.is_symlink()
    assert target.stat().st_ino == real.source.stat().st_ino


@pytest.mark.parametrize(
    ("size", "shorter", "made"),
    [((90, 120), 60, (60, 80)), ((120, 90), 60, (80, 60)), ((60, 80), 60, (60, 80)), ((30, 100), 60, (30, 100))],
)
def test_shrinking(tmp_path, size, shorter, made):
    query = photo(tmp_path / "raw", 1, size=size, shorter=shorter)
    before = query.source.read_bytes()
    assert write(plan_of(query, raw=tmp_path / "raw"), tmp_path / "out").ways == {"linked": 1, "converted": 1}
    with Image.open(tmp_path / "out/images/test/queries" / name_of(query)) as image:
        assert image.size[::-1] == made  # height, width
        small = np.asarray(image, np.float32)
    reference = np.asarray(Image.open(query.source).resize(made[::-1], Image.Resampling.BOX), np.float32)
    assert np.abs(small - reference).mean() < 8
    assert query.source.read_bytes() == before


def test_photos_on_their_side_are_stored_upright(tmp_path):
    image = Image.fromarray(np.repeat(np.array([[255], [0]], np.uint8), 32, 0).repeat(64, 1)).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6  # its upper side is on the right
    (tmp_path / "raw").mkdir()
    image.save(tmp_path / "raw/1.jpg", exif=exif)
    query = photo(tmp_path / "raw", 1, jpeg=True)
    write(plan_of(query, raw=tmp_path / "raw"), tmp_path / "out")
    with Image.open(tmp_path / "out/images/test/queries" / name_of(query)) as upright:
        assert upright.getexif().get(0x0112, 1) == 1
        left, right = (np.asarray(upright.convert("L"))[:, half].mean() for half in (slice(0, 28), slice(36, 64)))
    assert left < 10  # the lower, black half
    assert right > 245


def test_same_names_are_refused(tmp_path):
    raw, out = tmp_path / "raw", tmp_path / "out"
    twins = photo(raw, 1), Photo(write_image(raw / "twin.jpg", 2), 500_010.001, 4_000_000.0)
    with pytest.raises(
        InputError, match=rf"^{raw}/twin\.jpg and {raw}/1\.jpg would both become @0500010\.00@4000000\.00"
    ):
        write(plan_of(*twins, raw=raw), out)
    assert not out.exists()
    told_apart = photo(raw, 1), Photo(raw / "twin.jpg", 500_010.001, 4_000_000.0, pano="b")
    assert write(plan_of(*told_apart, raw=raw), out).counts == {"test/database": 1, "test/queries": 2}


def test_missing_photos_are_counted_and_named(tmp_path):
    gone = [Photo(tmp_path / f"raw/gone{number}.jpg", 500_000.0 + number, 4_000_000.0) for number in range(1, 5)]
    with pytest.raises(
        InputError, match=r"toy: 4 of 5 photos are missing in the raw set \(.*gone1\.jpg, .*gone3\.jpg\)"
    ):
        write(plan_of(*gone, raw=tmp_path / "raw"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_side_without_photos_is_refused(tmp_path):
    with pytest.raises(InputError, match="toy: the raw set has no photos for test/queries"):
        write(plan_of(raw=tmp_path / "raw"), tmp_path / "out")


def test_the_record(tmp_path):
    plan = plan_of(
        photo(tmp_path / "raw", 1),
        raw=tmp_path / "raw",
        published={"test/queries": 7},
        notes=["3 left out"],
        options={"size": "small"},
    )
    summary = write(plan, tmp_path / "out")
    assert json.loads((tmp_path / "out/prepared.json").read_text()) == {
        "set": "toy",
        "options": {"size": "small"},
        "status": "finished",
        "counts": {"test/database": 1, "test/queries": 1},
        "published": {"test/queries": 7},
        "notes": ["3 left out"],
    }
    (line,) = summary.differences()
    assert line.startswith("test/queries: 1 photos, but 7 are published")


def test_other_options_and_sets_are_refused(tmp_path):
    raw, out = tmp_path / "raw", tmp_path / "out"
    query = photo(raw, 1)
    write(plan_of(query, raw=raw, options={"size": "small"}), out)
    before = contents(out)
    with pytest.raises(
        InputError, match=r"was prepared as toy \(size small\), not as toy \(size large\); remove it, or"
    ):
        write(plan_of(query, raw=raw, options={"size": "large"}), out)
    with pytest.raises(InputError, match=r"was prepared as toy \(size small\), not as other;"):
        write(Plan("other", plan_of(query, raw=raw).sides), out)
    assert contents(out) == before


def test_images_of_others_are_not_touched(tmp_path):
    write_image(tmp_path / "out/images/test/database/mine.jpg", 9)
    before = contents(tmp_path / "out")
    with pytest.raises(
        InputError, match=f"{tmp_path}/out: holds images that were not prepared here; name another folder"
    ):
        write(plan_of(photo(tmp_path / "raw", 1), raw=tmp_path / "raw"), tmp_path / "out")
    assert contents(tmp_path / "out") == before


def test_strangers_are_refused_before_anything_is_written(tmp_path):
    raw, out = tmp_path / "raw", tmp_path / "out"
    first, second = photo(raw, 1), photo(raw, 2)
    write(plan_of(first, raw=raw), out)
    write_image(out / "images/test/queries/mine.jpg", 9)
    before = contents(out)
    with pytest.raises(InputError, match=rf"^{out}: 1 photos there are not of toy \(mine\.jpg\); remove them, or"):
        write(plan_of(first, second, raw=raw), out)
    assert contents(out) == before
    (out / "images/test/queries/mine.jpg").unlink()
    assert write(plan_of(first, second, raw=raw), out).ways == {"there already": 2, "linked": 1}


def test_files_that_are_no_photos_do_no_harm(tmp_path):
    """File managers leave their own beside the photos; no sum is written of these."""
    raw, out = tmp_path / "raw", tmp_path / "out"
    plan = plan_of(photo(raw, 1), raw=raw)
    write(plan, out)
    for name in (".DS_Store", "Thumbs.db", "queries/._1.jpg", "queries/README"):
        (out / "images/test" / name).write_bytes(b"x")
    assert write(plan, out).ways == {"there already": 2}
    sums = write_checksums(out, lambda done, total: None).read_text().splitlines()
    assert sorted(Path(line).name for line in sums) == sorted(path.name for path in out.rglob("@*.jpg"))
    assert (out / "images/test/.DS_Store").exists()


def test_a_second_call_changes_nothing(tmp_path):
    raw, out = tmp_path / "raw", tmp_path / "out"
    plan = plan_of(photo(raw, 1), photo(raw, 2, size=(90, 120), shorter=60), raw=raw)
    assert write(plan, out).ways == {"linked": 2, "converted": 1}
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.jpg")}
    summary = write(plan, out)
    assert summary.ways == {"there already": 3}
    assert summary.counts == {"test/database": 1, "test/queries": 2}
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.jpg")} == times


def test_a_copy_of_another_length_is_made_anew(tmp_path):
    raw, out = tmp_path / "raw", tmp_path / "out"
    query = photo(raw, 1)
    write(plan_of(query, raw=raw), out, copy=True)
    target = out / "images/test/queries" / name_of(query)
    target.write_bytes(query.source.read_bytes()[:100])
    assert write(plan_of(query, raw=raw), out, copy=True).ways == {"there already": 1, "copied": 1}
    assert target.read_bytes() == query.source.read_bytes()


def test_an_interrupted_conversion_is_continued(tmp_path, monkeypatch):
    """The second of three conversions is interrupted; a run that was killed also leaves half a file."""
    raw, out = tmp_path / "raw", tmp_path / "out"
    plan = plan_of(*(photo(raw, number, size=(90, 120), shorter=60) for number in (1, 2, 3)), raw=raw)
    save, calls = Image.Image.save, []

    def stop(image, path, *arguments, **options):
        calls.append(path)
        if len(calls) == 2:
            Path(path).write_bytes(b"half")
            raise KeyboardInterrupt
        save(image, path, *arguments, **options)

    monkeypatch.setattr(Image.Image, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        write(plan, out)
    assert json.loads((out / "prepared.json").read_text())["status"] == "unfinished"
    names = [name_of(query) for query in plan.sides["test/queries"]]
    assert [path.name for path in (out / "images/test/queries").iterdir()] == names[:1]
    (out / "images/test/queries/.0123456789abcdef.part").write_bytes(b"half a photo")
    assert write(plan, out).ways == {"there already": 2, "converted": 2}
    assert sorted(path.name for path in (out / "images/test/queries").iterdir()) == names
    assert json.loads((out / "prepared.json").read_text())["status"] == "finished"
    for name in names:
        with Image.open(out / "images/test/queries" / name) as image:
            assert image.size == (80, 60)


def test_a_damaged_photo_is_named_and_leaves_nothing_half_made(tmp_path):
    raw, out = tmp_path / "raw", tmp_path / "out"
    query = photo(raw, 1, jpeg=True)
    query.source.write_bytes(query.source.read_bytes()[:300])
    with pytest.raises(InputError, match=rf"^{query.source}: cannot be read as an image"):
        write(plan_of(query, raw=raw), out)
    assert list((out / "images/test/queries").iterdir()) == []


def test_progress_is_told_for_each_photo(tmp_path):
    told = []
    plan = plan_of(photo(tmp_path / "raw", 1), raw=tmp_path / "raw")
    write(plan, tmp_path / "out", progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


def test_checksums(tmp_path):
    query = photo(tmp_path / "raw", 1)
    write(plan_of(query, raw=tmp_path / "raw"), tmp_path / "out")
    path = write_checksums(tmp_path / "out", lambda done, total: None)
    lines = [line.split("  ") for line in path.read_text().splitlines()]
    assert [name for _, name in lines] == [
        f"images/test/database/{name_of(photo(tmp_path / 'raw', 0, zone='17T'))}",
        f"images/test/queries/{name_of(query)}",
    ]
    for digest, name in lines:
        assert digest == hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest()
