"""`net.describe` of photos, and `describe_photos`: one way of pixels, whatever photos come as and however many come."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from mini import write_image
from networks import images, spec_of
from PIL import ExifTags, Image

from geoloc import describing
from geoloc.data.images import read_image, read_pixels, resize
from geoloc.describing import describe_photos, described
from geoloc.errors import InputError
from geoloc.extraction.describer import Describer
from geoloc.multiscale.pyramid import Pyramid
from geoloc.multiscale.scaling import at_scales
from geoloc.net import DescriptorNet


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return DescriptorNet.from_spec(spec_of(aggregator="gem", size=(32, 48))).eval()


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    sizes = [(40, 50), (64, 48), (32, 48), (100, 31)]
    return [write_image(folder / f"{n}.jpg", seed=n, size=sizes[n % 4], noise=1) for n in range(40)]


def expected(net, photos):
    """One at a time, by the tensor way."""
    return torch.cat([net.describe(resize(read_pixels(path), net.image_size)[None]) for path in photos]).numpy()


def agree(one, other, least=0.9999):
    one, other = np.asarray(one), np.asarray(other)
    return one.shape == other.shape and (one * other).sum(axis=1).min() > least


def test_every_kind_of_photo_gives_the_same(net, photos):
    wanted = expected(net, photos[:3])
    arrays = [np.asarray(read_image(path)) for path in photos[:3]]
    kinds = {
        "path": photos[:3],
        "text": [str(path) for path in photos[:3]],
        "image": [read_image(path) for path in photos[:3]],
        "array": arrays,
        "mixed": [photos[0], read_image(photos[1]), arrays[2]],
        "generator": (path for path in photos[:3]),
        "names": np.array([str(path) for path in photos[:3]]),
    }
    for kind, given in kinds.items():
        found = net.describe(given)
        assert found.shape == (3, net.out_dim), kind
        assert found.dtype == torch.float32
        assert agree(found, wanted, 1 - 1e-6), kind
    for one in (photos[0], str(photos[0]), read_image(photos[0]), arrays[0]):
        assert agree(net.describe(one), wanted[:1], 1 - 1e-6)
    four = np.stack([np.full((8, 9, 3), value, np.uint8) for value in (0, 50, 99, 255)])
    assert net.describe(four).shape == (4, net.out_dim)
    four.flags.writeable = False
    assert net.describe(four).shape == (4, net.out_dim)
    assert net.describe([]).shape == (0, net.out_dim)


def test_photos_stand_upright(net, tmp_path):
    upright = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "lying.png", exif=exif)
    upright.convert("RGBA").save(tmp_path / "alpha.png")
    wanted = net.describe(upright)
    assert torch.equal(net.describe(tmp_path / "lying.png"), wanted)
    assert torch.equal(net.describe(Image.open(tmp_path / "lying.png")), wanted)
    assert torch.equal(net.describe(Image.open(tmp_path / "alpha.png")), wanted)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((8, 8, 3), np.float32), r"an \(H, W, 3\) uint8 RGB array .*, not ndarray \(8, 8, 3\) float32"),
        (np.zeros((3, 8, 8), np.uint8), r"not ndarray \(3, 8, 8\) uint8"),
        (np.zeros((8, 8, 4), np.uint8), r"not ndarray \(8, 8, 4\) uint8"),
        (np.zeros((8, 8), np.uint8), r"not ndarray \(8, 8\) uint8"),
        (
            [torch.zeros(3, 8, 8)],
            r"not Tensor \(3, 8, 8\) torch.float32; tensors come as one batch, \(B, 3, H, W\) uint8",
        ),
        ([1, 2], "not int"),
        (7, "not int"),
        (b"what a file holds", "not bytes;"),
        (io.BytesIO(b"what a file holds"), "not BytesIO;"),
        ({"a.jpg": 1}, "not dict;"),
        (np.zeros((0, 5, 3), np.uint8), r"not ndarray \(0, 5, 3\) uint8"),
        ("gone.jpg", r"gone\.jpg: no such image"),
    ],
)
def test_what_is_no_photo_is_refused(net, wrong, message):
    for describe in (net.describe, lambda photos: describe_photos(net, photos)):
        with pytest.raises(InputError, match=message):
            describe(wrong)


def test_a_tensor_is_described_as_ever(net):
    batch = images(3, 3, 40, 40)
    assert torch.equal(net.describe(batch), net(batch).detach())
    with pytest.raises(ValueError, match="images must be"):
        net.describe(batch.float() / 255)


def test_many_photos_in_batches_and_by_loader_processes(net, photos, monkeypatch):
    wanted = expected(net, photos)
    seen = []
    real = describing.DataLoader

    def watched(*how, **settings):
        seen.append(settings["num_workers"])
        return real(*how, **settings)

    monkeypatch.setattr(describing, "DataLoader", watched)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1}, raising=False)
    for how in ({}, {"batch_size": 7}, {"workers": 0}, {"batch_size": 1, "workers": 1, "precision": "exact"}):
        assert agree(describe_photos(net, photos, **how), wanted), how
    assert seen == [2, 2, 0, 1]
    assert agree(describe_photos(net, photos, precision="exact"), wanted, 1 - 1e-6)
    given = [read_image(path) for path in photos]
    assert agree(describe_photos(net, given), wanted)
    assert seen[-1] == 0  # what is in memory is not sent to other processes
    assert describe_photos(net, []).shape == (0, net.out_dim)


def test_descriptors_may_be_written_into_a_given_array(net, photos, tmp_path):
    out = np.lib.format.open_memmap(tmp_path / "d.npy", "w+", np.float16, (5, net.out_dim))
    assert describe_photos(net, photos[:5], out=out) is out
    assert agree(np.load(tmp_path / "d.npy").astype(np.float32), expected(net, photos[:5]), 0.999)


def test_few_photos_are_described_by_the_network_itself(net, photos):
    assert np.array_equal(describe_photos(net, photos[:4]), net.describe(photos[:4]).numpy())
    describer = Describer("float32")
    describe_photos(net, photos[:2], describer=describer)
    twin = describer.twin
    assert describer.way == "float32"
    describe_photos(net, photos[:3], describer=describer)
    assert describer.twin is twin  # used again


def test_scales_and_modes(net, photos):
    net.train()
    with at_scales(net, Pyramid([0.75, 1.0])):
        assert agree(describe_photos(net, photos[:6]), expected(net, photos[:6]))
        scaled = expected(net, photos[:6])
    assert net.training
    net.eval()
    assert not agree(scaled, expected(net, photos[:6]))


def test_who_takes_batches_is_in_no_mode(net, photos):
    for vectors in described(net, photos[:3], Describer("exact"), batch_size=1):
        assert vectors.shape == (1, net.out_dim)
        assert not torch.is_inference_mode_enabled()


def test_the_network_is_moved_on_demand(net, photos):
    assert describe_photos(net, photos[:2], device="cpu").shape == (2, net.out_dim)
    assert net.mean.device.type == "cpu"
