import pytest
import torch

from geoloc.data.augment import Chain, ColourCast, Contrast, Exposure, Noise, Saturation


def image(*pixels):
    """(3, 1, n) float image of n pixels."""
    return torch.tensor(pixels, dtype=torch.float32).T.unsqueeze(1)


def test_exposure_by_hand():
    # 0.5 * 0.6 ** 2 = 0.18
    assert Exposure([0.5, 0.5], [2.0, 2.0])(image([0.6, 0.6, 0.6])).flatten().tolist() == pytest.approx([0.18] * 3)


def test_contrast_by_hand():
    # Greys 0.2 and 0.6 have mean 0.4; half the contrast moves them to 0.3 and 0.5.
    out = Contrast([0.5, 0.5])(image([0.2] * 3, [0.6] * 3))
    assert out[0, 0].tolist() == pytest.approx([0.3, 0.5])


def test_saturation_by_hand():
    # Grey of (1, 0, 0) is 0.299; without saturation every channel has it.
    assert Saturation([0, 0])(image([1.0, 0.0, 0.0])).flatten().tolist() == pytest.approx([0.299] * 3)


def test_colour_cast_by_hand_and_clamped():
    out = ColourCast([2.0, 2.0], [1.0, 1.0], [0.5, 0.5])(image([0.8, 0.4, 0.4]))
    assert out.flatten().tolist() == pytest.approx([1.0, 0.4, 0.2])


def test_noise_has_the_sigma_that_was_asked_for():
    torch.manual_seed(0)
    grey = torch.full((3, 200, 200), 0.5)
    assert float((Noise([0.05, 0.05])(grey) - grey).std()) == pytest.approx(0.05, rel=0.02)


def test_probability():
    torch.manual_seed(0)
    step = Exposure([0.0, 0.0], [1.0, 1.0], p=0.3)
    black = sum(float(step(torch.ones(3, 1, 1)).sum()) == 0 for _ in range(2000))
    assert black / 2000 == pytest.approx(0.3, abs=0.03)
    assert Exposure([0.0, 0.0], [1.0, 1.0], p=0.0)(torch.ones(3, 1, 1)).sum() == 3


def test_identity_chain_returns_the_same_bytes():
    pixels = torch.arange(0, 192, dtype=torch.uint8).view(3, 8, 8)
    same = Chain([Exposure([1.0, 1.0], [1.0, 1.0]), Contrast([1.0, 1.0]), Saturation([1.0, 1.0])])
    assert torch.equal(same(pixels), pixels)


@pytest.mark.parametrize("bad", [[1.0, 0.5], [-0.1, 1.0], [1.0]])
def test_wrong_ranges_are_refused(bad):
    with pytest.raises(ValueError, match=r"gain must be \[low, high\]"):
        Exposure(bad, [1.0, 1.0])
    with pytest.raises(ValueError, match=r"p must lie in 0\.\.1"):
        Contrast([1.0, 1.0], p=1.5)
