"""Several looks at an image, one descriptor: against slow references, with a network of a few weights."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from networks import images, spec_of

from geoloc.multiscale.pyramid import Pyramid
from geoloc.multiscale.random_crop import RandomCrop
from geoloc.multiscale.scaling import at_scales, power_mean
from geoloc.net import DescriptorNet

DOWN = [1, 1 / 1.2, 1 / 1.4, 1 / 1.5]


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return DescriptorNet.from_spec(spec_of(aggregator="gem")).eval()


def described(net, batch, multiscale):
    with at_scales(net, multiscale):
        return net.describe(batch)


def slow_mean(rows, p):
    """(D,) of several (D,) rows, value by value, of unit length."""
    values = []
    for column in zip(*rows, strict=True):
        mean = sum(np.sign(x) * abs(x) ** p for x in map(float, column)) / len(rows)
        values.append(np.sign(mean) * abs(mean) ** (1 / p))
    return np.array(values) / np.sqrt(sum(value**2 for value in values))


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, 0.5])
def test_the_power_mean_equals_plain_loops(p):
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(4, 3, 6)).astype(np.float32)
    found = power_mean([torch.from_numpy(part) for part in parts], p).numpy()
    for image in range(3):
        assert found[image] == pytest.approx(slow_mean(parts[:, image], p), abs=1e-6)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(3), abs=1e-6)


def test_a_high_power_keeps_small_values_and_tends_to_the_largest():
    parts = [torch.tensor([[0.008, -0.001, 0.002]]), torch.tensor([[0.004, 0.001, -0.006]])]
    found = power_mean(parts, 40.0)[0]
    expected = torch.tensor([0.008, 0.0, -0.006])
    assert found == pytest.approx(expected / expected.norm(), abs=0.02)


def test_powers_treat_both_signs_alike():
    parts = [torch.randn(2, 5) for _ in range(3)]
    assert torch.equal(power_mean([-part for part in parts], 3.0), -power_mean(parts, 3.0))


@pytest.mark.parametrize("p", [1.0, 3.0])
def test_a_pyramid_is_the_mean_of_its_scales(net, p):
    batch = images(2, 3, 64, 96)
    found = described(net, batch, Pyramid([1.0, 0.5, 1.5], p))
    rows = []
    for size in ((64, 96), (32, 48), (96, 144)):
        pixels = F.interpolate(batch.double(), size, mode="bilinear", antialias=True).float()
        with torch.no_grad():
            x = net.aggregator(net.backbone((pixels - net.mean) / net.std))
        rows.append(F.normalize(x, dim=1).numpy())
    for image in range(2):
        assert found[image].numpy() == pytest.approx(slow_mean([part[image] for part in rows], p), abs=1e-5)


def test_the_scale_one_is_no_multiscale(net):
    """Field fault C12."""
    batch = images(3, 3, 64, 96)
    plain = net.describe(batch)
    assert torch.equal(described(net, batch, Pyramid([1.0], p=3.0)), plain)
    assert not torch.equal(described(net, batch, Pyramid([1.0, 0.7])), plain)


def test_the_scale_one_leaves_a_length_as_it_is():
    net = DescriptorNet.from_spec({**spec_of(aggregator="gem"), "unit_length": False})
    batch = images(3, 3, 64, 96)
    plain = net.describe(batch)
    assert (plain.norm(dim=1) - 1).abs().min() > 0.01
    assert torch.equal(described(net, batch, Pyramid([1])), plain)
    for multiscale in (Pyramid([0.7, 1.0]), Pyramid([0.7]), RandomCrop()):
        assert described(net, batch, multiscale).norm(dim=1).tolist() == pytest.approx([1, 1, 1], abs=1e-6)


def test_the_order_of_scales_does_not_matter(net):
    """Field fault C12: to the last bit."""
    batch = images(2, 3, 64, 96)
    results = [
        described(net, batch, Pyramid(scales, 3.0)) for scales in ([0.7, 1.0, 1.4], [1.4, 1.0, 0.7], [1.0, 0.7, 1.4])
    ]
    assert all(torch.equal(result, results[0]) for result in results)


def test_sizes_of_the_benchmark():
    """Of 480x640; the benchmark's 332x427 should have been 320x427, and its other widths are rounded up."""
    down, up = Pyramid(DOWN).sizes(480, 640), Pyramid([1, 1.2, 1.4, 1.5]).sizes(480, 640)
    assert set(down.values()) == {(480, 640), (400, 533), (343, 457), (320, 427)}
    assert set(up.values()) == {(480, 640), (576, 768), (672, 896), (720, 960)}
    assert set(RandomCrop().sizes(480, 640).values()) == {(320, 430)}


def test_resizing_is_that_of_images_before_rounding(net):
    """Antialiased and bilinear as `geoloc.data.images.resize`, which rounds to whole numbers."""
    from geoloc.data.images import resize

    batch, seen = images(1, 3, 60, 90), []
    Pyramid([0.5])(lambda pixels: seen.append(pixels) or pixels.mean(dim=(2, 3)), batch.float())
    (pixels,) = seen
    assert pixels.shape == (1, 3, 30, 45)
    assert (pixels - resize(batch, (30, 45)).float()).abs().max() <= 1
    assert (pixels != pixels.round()).any()


def test_random_crops_are_the_same_places_of_every_image(net):
    batch = images(3, 3, 96, 128)
    crops = RandomCrop(count=4, height=0.5, width=0.75, seed=3)
    found = described(net, batch, crops)
    rng = np.random.default_rng(3)
    rows = []
    for _ in range(4):
        top, left = int(rng.random() * 49), int(rng.random() * 33)
        rows.append(net.describe(batch[:, :, top : top + 48, left : left + 96]).numpy())
    for image in range(3):
        assert found[image].numpy() == pytest.approx(slow_mean([part[image] for part in rows], 1), abs=1e-5)
        assert torch.allclose(
            described(net, batch[image : image + 1], RandomCrop(4, 0.5, 0.75, seed=3))[0], found[image], atol=1e-6
        )
    assert crops.places(96, 128) != RandomCrop(count=4, height=0.5, width=0.75, seed=4).places(96, 128)


def test_random_places_lie_within_and_reach_both_ends():
    places = RandomCrop(count=400, height=0.5, width=1.0).places(8, 6)
    assert {rows.start for rows, _ in places} == {0, 1, 2, 3, 4}
    assert all((rows.stop - rows.start, columns) == (4, slice(0, 6)) for rows, columns in places)


def test_whitening_comes_after_the_mean(net):
    """It is fitted on single scales; the mean of whitened descriptors would be another vector."""
    whitened = DescriptorNet.from_spec(spec_of(aggregator="gem")).eval()
    whitened.load_state_dict(net.state_dict())
    head = whitened.add_whitening({"_target_": "geoloc.heads.whitening.PCA", "dim": 4, "whiten": True, "images": 9})
    head.fit(net.describe(images(30, 3, 64, 96, seed=1)))
    batch, scales = images(2, 3, 64, 96), Pyramid([1.0, 0.6])
    expected = F.normalize(head(described(net, batch, scales)), dim=1)
    assert torch.allclose(described(whitened, batch, scales), expected, atol=1e-5)
    assert whitened.multiscale is None


def test_scales_go_away_whatever_happens_and_are_never_saved(net, tmp_path):
    def broken():
        with at_scales(net, Pyramid([0.5])):
            net.save(tmp_path)
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    assert net.multiscale is None
    assert "scale" not in (tmp_path / "model.yaml").read_text()
    batch = images(1, 3, 64, 96)
    assert torch.equal(DescriptorNet.load(tmp_path).describe(batch), net.describe(batch))


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (Pyramid, {"scales": []}, "scales must be factors above 0"),
        (Pyramid, {"scales": [1.0, 0.0]}, "scales must be factors above 0"),
        (Pyramid, {"scales": [1.0, float("nan")]}, "scales must be factors above 0"),
        (Pyramid, {"scales": [1.0, 1.0]}, "scales must differ"),
        (Pyramid, {"scales": [1.0], "p": 0.0}, "p must be above 0"),
        (RandomCrop, {"p": float("inf")}, "p must be above 0"),
        (RandomCrop, {"count": 0}, "count must be at least 1"),
        (RandomCrop, {"height": 1.1}, "height must be a share"),
        (RandomCrop, {"width": 0.0}, "width must be a share"),
        (RandomCrop, {"seed": -1}, "seed must be at least 0"),
    ],
)
def test_senseless_values_are_refused(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        kind(**arguments)
