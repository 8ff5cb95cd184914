import json
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from PIL import Image

from geoloc.data.images import read_image, to_tensor
from geoloc.data.twins import Twins
from geoloc.errors import InputError
from geoloc.translate import cache
from geoloc.translate.cache import fill, manifest_of

ORIENTATION = 0x0112


def smooth(height, width, seed=0):
    """A picture that JPEG keeps well."""
    ramp = np.mgrid[0:height, 0:width].sum(0) * 255 / (height + width)
    return Image.fromarray(np.stack([ramp, 255 - ramp, np.full_like(ramp, 40 * seed)], 2).astype(np.uint8))


@pytest.fixture
def queries(tmp_path):
    folder = tmp_path / "images" / "train" / "queries"
    (folder / "north").mkdir(parents=True)
    for seed, name in enumerate(("a.jpg", "b.jpg", "c.png", "north/d.jpg")):
        smooth(20, 31 if name == "b.jpg" else 30, seed).save(folder / name, quality=95)
    return folder


class Negative:
    def __init__(self):
        self.batches = []

    def __call__(self, frames):
        self.batches.append(tuple(frames.shape))
        return 255 - frames


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_every_query_gets_its_own_twin(queries):
    twins = queries.with_name("dark")
    assert fill(queries, twins, Negative(), {"sha256": "1"}) == 4
    assert files(twins) == ["a.jpg", "b.jpg", "c.png.jpg", "north/d.jpg", "twins.json"]
    paths = [str(path) for path in queries.rglob("*.*")]
    Twins(1, folder="dark").check(paths)
    for path in paths:
        day, night = (to_tensor(read_image(each)) for each in (path, Twins(1, folder="dark")(path)))
        assert (255 - day.int() - night.int()).abs().max() <= 6  # JPEG of quality 95


def test_orientation_is_applied_and_not_kept(queries):
    image = smooth(20, 30)
    exif = image.getexif()
    exif[ORIENTATION] = 6
    image.save(queries / "a.jpg", quality=95, exif=exif)
    fill(queries, queries.with_name("dark"), Negative(), {})
    with Image.open(queries.with_name("dark") / "a.jpg") as twin:
        assert twin.size == (20, 30)
        assert dict(twin.getexif()) == {}
        assert twin.format == "JPEG"
        assert [layer[1:3] for layer in twin.layer] == [(1, 1)] * 3  # no chroma subsampling


def test_only_neighbours_of_one_size_share_a_batch(queries):
    negative = Negative()
    fill(queries, queries.with_name("dark"), negative, {}, batch=2)
    assert negative.batches == [(1, 3, 20, 30), (1, 3, 20, 31), (2, 3, 20, 30)]


def test_it_goes_on_where_it_was_stopped(queries, monkeypatch):
    twins = queries.with_name("dark")

    class Stopped(Negative):
        def __call__(self, frames):
            if len(self.batches) == 2:
                raise KeyboardInterrupt
            return super().__call__(frames)

    with pytest.raises(KeyboardInterrupt):
        fill(queries, twins, Stopped(), {"sha256": "1"})
    assert files(twins) == ["a.jpg", "b.jpg", "twins.json"]
    before = {name: (twins / name).stat().st_mtime_ns for name in files(twins)}
    (twins / ".c.png.jpg.part").write_bytes(b"half")
    negative, steps = Negative(), []
    assert fill(queries, twins, negative, {"sha256": "1"}, progress=lambda *done: steps.append(done)) == 2
    assert len(negative.batches) == 2
    assert steps == [(0, 2), (1, 2), (2, 2)]
    assert files(twins) == ["a.jpg", "b.jpg", "c.png.jpg", "north/d.jpg", "twins.json"]
    assert {name: (twins / name).stat().st_mtime_ns for name in before} == before
    assert fill(queries, twins, negative, {"sha256": "1"}) == 0


def test_a_twin_is_there_whole_or_not_at_all(queries, monkeypatch):
    def fail(self, file, *_, **__):
        Path(file).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        fill(queries, queries.with_name("dark"), Negative(), {})
    assert files(queries.with_name("dark")) == [".a.jpg.part", "twins.json"]


class TestRefusals:
    def test_another_generator(self, queries):
        twins = queries.with_name("dark")
        fill(queries, twins, Negative(), {"generator": "a.pth", "sha256": "1" * 64, "size": None})
        before = files(twins)
        with pytest.raises(InputError) as caught:
            fill(queries, twins, Negative(), {"generator": "b.pth", "sha256": "2" * 64, "size": [64, 64]})
        assert str(caught.value) == (
            f"{twins}: was begun with another generator or options"
            f" (sha256 {'1' * 12}, not {'2' * 12}, size null, not [64, 64]); name another folder"
        )
        assert files(twins) == before
        fill(queries, twins, Negative(), {"generator": "renamed.pth", "sha256": "1" * 64, "size": None})

    def test_a_generator_that_wrote_nothing_claims_no_folder(self, queries):
        def broken(frames):
            raise InputError("no pictures")

        twins = queries.with_name("dark")
        with pytest.raises(InputError, match="no pictures"):
            fill(queries, twins, broken, {"sha256": "1"})
        assert files(twins) == ["twins.json"]
        assert fill(queries, twins, Negative(), {"sha256": "2"}) == 4
        with pytest.raises(InputError, match="was begun with another generator"):
            fill(queries, twins, Negative(), {"sha256": "1"})

    def test_a_folder_of_something_else(self, queries):
        night = queries.with_name("queries_night")
        night.mkdir()
        smooth(20, 30).save(night / "a.jpg")
        before = (night / "a.jpg").read_bytes()
        with pytest.raises(InputError, match=r"queries_night: holds files that are no night twins \(no twins\.json\)"):
            fill(queries, night, Negative(), {})
        assert files(night) == ["a.jpg"]
        assert (night / "a.jpg").read_bytes() == before

    def test_a_broken_manifest(self, queries):
        twins = queries.with_name("dark")
        twins.mkdir()
        for text in ("{", "[]"):
            (twins / "twins.json").write_text(text)
            with pytest.raises(InputError, match=r"twins\.json: cannot be read; remove the folder"):
                fill(queries, twins, Negative(), {"sha256": "1"})

    def test_two_at_once(self, queries):
        twins = queries.with_name("dark")
        with FileLock(twins.parent / ".dark.lock"), pytest.raises(InputError, match="another process is filling"):
            fill(queries, twins, Negative(), {})

    def test_a_damaged_photo(self, queries):
        (queries / "b.jpg").write_bytes(b"no photo")
        with pytest.raises(InputError, match=r"b\.jpg: cannot be read as an image"):
            fill(queries, queries.with_name("dark"), Negative(), {})


def test_the_manifest_knows_the_file_and_the_options(tmp_path):
    (tmp_path / "net.pth").write_bytes(b"abc")
    manifest = manifest_of(tmp_path / "net.pth", size=[64, 96])
    assert json.loads(json.dumps(manifest)) == manifest
    assert manifest == {
        "generator": "net.pth",
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",  # of FIPS 180-2's first example
        "size": [64, 96],
        "quality": cache.QUALITY,
    }


def test_frames_reach_the_network_as_they_are(queries):
    frames = []
    fill(queries, queries.with_name("dark"), lambda x: frames.append(x) or x, {})
    assert frames[0].dtype == torch.uint8
    assert torch.equal(frames[0][0], to_tensor(read_image(queries / "a.jpg")))
