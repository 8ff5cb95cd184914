"""Colour and geometric steps, and what all steps share."""

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from torchvision.transforms import functional as pil

from geoloc.config import instantiate
from geoloc.data.augment.color import Brightness, Contrast, Gamma, Hue, Saturation, Sharpness
from geoloc.data.augment.geometric import Flip, Perspective, ResizedCrop, Rotation
from geoloc.data.augment.step import Blend, Chain, draw, draw_whole
from geoloc.data.augment.tuples import in_floats
from geoloc.run import conf_folder


def image(*pixels):
    """(3, 1, n) float image of n pixels."""
    return torch.tensor(pixels, dtype=torch.float32).T.unsqueeze(1)


def noise(*shape):
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_constants_and_ranges():
    torch.manual_seed(0)
    assert (draw(0.3), draw_whole(4)) == (0.3, 4)
    drawn = [draw([2, 4]) for _ in range(500)]
    assert min(drawn) == pytest.approx(2, abs=0.05)
    assert max(drawn) == pytest.approx(4, abs=0.05)
    assert {draw_whole([2, 4]) for _ in range(100)} == {2, 3, 4}


@pytest.mark.parametrize(
    ("step", "pixels", "expected"),
    [
        (Brightness(0.5), [[0.6, 0.4, 0.2]], [0.3, 0.2, 0.1]),
        (Contrast(0.5), [[0.2] * 3, [0.6] * 3], [0.3, 0.5] * 3),  # the mean is 0.4
        (Saturation(0.0), [[1.0, 0.0, 0.0]], [0.2989] * 3),  # the grey of red
        (Gamma(2.0, 0.5), [[0.6] * 3], [0.18] * 3),  # 0.5 * 0.6 ** 2
        (Hue(0.5), [[1.0, 0.0, 0.0]], [0.0, 1.0, 1.0]),  # red turned by half a circle is cyan
    ],
)
def test_colours_by_hand(step, pixels, expected):
    assert step(image(*pixels)).flatten().tolist() == pytest.approx(expected, abs=1e-3)


def test_sharpness_by_hand():
    """A single bright pixel; the smoothing filter is (1 1 1; 1 5 1; 1 1 1) / 13."""
    x = torch.zeros(3, 5, 5)
    x[:, 2, 2] = 0.65
    out = Sharpness(0.0)(x)
    assert out[0, 2, 2].item() == pytest.approx(0.25)
    assert out[0, 1, 1].item() == pytest.approx(0.05)
    assert torch.equal(Sharpness(1.0)(x), x)


def test_night_fixed_is_what_pillow_makes_of_the_photo():
    """The reference system's order, on its kind of image; it rounds down after each change, here it is done once."""
    node = yaml.safe_load((conf_folder() / "aug" / "night_fixed.yaml").read_text())
    aug = instantiate(node)
    factors = [next(value for key, value in step.items() if key in ("factor", "gamma")) for step in node["steps"]]
    photo = noise(3, 24, 32) // 2 + 40
    expected = Image.fromarray(photo.permute(1, 2, 0).numpy())
    changes = (pil.adjust_brightness, pil.adjust_contrast, pil.adjust_saturation, pil.adjust_sharpness)
    for change, factor in zip(changes, factors, strict=False):
        expected = change(expected, factor)
    expected = pil.adjust_gamma(expected, factors[4], node["steps"][4]["gain"])
    found = in_floats(aug.steps, photo).permute(1, 2, 0).numpy().astype(int)
    assert np.abs(found - np.asarray(expected)).max() <= 3
    assert np.abs(found - np.asarray(expected)).mean() < 2
    assert aug.full_size
    assert all(step["p"] == 1 for step in node["steps"])


def test_probability():
    torch.manual_seed(0)
    step = Brightness(0.0, p=0.3)
    black = sum(float(step(torch.ones(3, 1, 1)).sum()) == 0 for _ in range(2000))
    assert black / 2000 == pytest.approx(0.3, abs=0.03)
    assert Brightness(0.0, p=0.0)(torch.ones(3, 1, 1)).sum() == 3
    chain = Chain([Brightness(0.5), Brightness(0.5)], p=0.5)
    assert {float(chain(torch.ones(3, 1, 1))[0, 0, 0]) for _ in range(50)} == {1.0, 0.25}  # both or none


@pytest.mark.parametrize(
    "step",
    [
        Brightness(1.0),
        Contrast([1.0, 1.0]),
        Saturation(1.0),
        Gamma(1.0),
        Perspective(0.0, p=1),
        ResizedCrop(1.0, ratio=1.0),
        Rotation(0.0),
    ],
)
def test_what_changes_nothing_returns_the_same_bytes(step):
    pixels = noise(3, 9, 12)
    assert torch.equal(in_floats(step, pixels), pixels)


def test_flip_by_hand():
    x = torch.arange(12.0).view(3, 1, 4)
    assert Flip()(x)[0, 0].tolist() == [3, 2, 1, 0]


def test_a_quarter_turn():
    x = noise(3, 9, 9).float()
    assert torch.allclose(Rotation(90.0)(x), torch.rot90(x, 1, (1, 2)), atol=1e-3)


def test_a_crop_is_a_part_of_the_image():
    """A ramp stays a ramp: a quarter of the area has half of the range."""
    x = torch.linspace(0, 1, 64).expand(3, 64, 64)
    torch.manual_seed(0)
    out = ResizedCrop(0.25, ratio=1.0)(x)
    assert out.shape == x.shape
    assert float(out.max() - out.min()) == pytest.approx(0.5, abs=0.03)
    starts = {round(float(ResizedCrop(0.25, ratio=1.0)(x).min()), 2) for _ in range(20)}
    assert len(starts) > 5


def test_perspective_moves_corners_inwards_only():
    """A white image shrinks into itself: black at the corners, and at most half of the distortion away."""
    torch.manual_seed(1)
    out = Perspective(0.4, p=1)(torch.ones(3, 100, 100))
    assert out.shape == (3, 100, 100)
    assert 0.6 < float(out.mean()) < 1.0
    assert float(out[:, 21:79, 21:79].min()) == pytest.approx(1.0)


def test_blend_by_hand():
    assert Blend(Brightness(0.0), share=0.25)(image([0.8] * 3)).flatten().tolist() == pytest.approx([0.6] * 3)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 2), (5, 7)])
@pytest.mark.parametrize("step", [Perspective(1.0, p=1), ResizedCrop(0.1), Rotation(30.0), Flip()])
def test_tiny_photos_keep_their_size(step, size):
    for seed in range(20):
        torch.manual_seed(seed)
        assert in_floats(step, noise(3, *size)).shape == (3, *size)


@pytest.mark.parametrize("bad", [[1.0, 0.5], [-0.1, 1.0], [1.0, 2.0, 3.0], [0.7], -1])
def test_wrong_ranges_are_refused(bad):
    with pytest.raises(ValueError, match=r"factor must be a number or \[low, high\]"):
        Contrast(bad)
    with pytest.raises(ValueError, match=r"p must be a number .* <= 1, not 1\.5"):
        Contrast(1.0, p=1.5)
    with pytest.raises(ValueError, match=r"shift must be"):
        Hue(0.7)
