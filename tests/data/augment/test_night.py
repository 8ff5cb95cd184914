"""The light of the night and what a camera makes of it."""

import math

import pytest
import torch

from geoloc.data.augment.camera import Exposure, Glow, Jpeg, MotionBlur, SensorNoise, Vignetting, blur
from geoloc.data.augment.light import (
    LinearLight,
    NightScene,
    decode,
    encode,
    highlight_mask,
    lamp_colour,
    sky_mask,
    window_mask,
)

DARK = {"ambient": 0.0, "sky": 0.0, "lamps": 0, "windows": 0.0, "highlights": 0.0}


def street():
    """(3, 96, 128): blue sky above row 40, a bright warm wall below it with a dark pane, and a dark road."""
    x = torch.empty(3, 96, 128)
    x[:, :40] = torch.tensor([0.55, 0.65, 0.85]).view(3, 1, 1)
    x[:, 40:80] = torch.tensor([0.6, 0.5, 0.4]).view(3, 1, 1)
    x[:, 50:62, 60:72] = 0.2
    x[:, 80:] = 0.3
    return x


def test_srgb_by_its_standard():
    """0.5 is 0.2140 in linear light; below 0.04045 the curve is a line."""
    assert decode(torch.tensor([0.5, 0.02, 0.0, 1.0])).tolist() == pytest.approx(
        [0.21404, 0.02 / 12.92, 0, 1], abs=1e-4
    )
    x = torch.linspace(0, 1, 101)
    assert torch.allclose(encode(decode(x)), x, atol=1e-5)
    assert encode(torch.tensor([3.0])).item() == pytest.approx(1)
    assert torch.allclose(LinearLight([lambda y: 0.5 * y])(x), encode(0.5 * decode(x)))


def test_lamps_by_plancks_law():
    """Radiance ~ 1 / (exp(c2 / (wavelength T)) - 1); 6500 K is white, and the colder, the redder."""

    def radiance(nanometres, kelvin):
        return 1 / math.expm1(1.438777e-2 / (nanometres * 1e-9 * kelvin))

    assert lamp_colour(6500.0).tolist() == pytest.approx([1, 1, 1])
    relative = [radiance(n, 2000) / radiance(n, 6500) for n in (610, 550, 465)]
    assert lamp_colour(2000.0).tolist() == pytest.approx([r / relative[0] for r in relative], rel=1e-4)
    red, green, blue = lamp_colour(3000.0).tolist()
    assert red == 1 > green > blue > lamp_colour(2000.0)[2]


def test_where_the_sky_is():
    mask = sky_mask(street())[0]
    assert float(mask[:38].min()) > 0.9
    assert float(mask[44:].max()) < 0.1
    under_a_roof = street()
    under_a_roof[:, :4] = 0.1  # what is not joined to the upper edge is no sky
    assert float(sky_mask(under_a_roof).max()) < 0.1
    large = torch.nn.functional.interpolate(street()[None], scale_factor=4)[0]
    assert float(sky_mask(large)[0, :150].min()) > 0.9
    assert float(sky_mask(large)[0, 180:].max()) < 0.1


def test_where_windows_and_highlights_are():
    mask = window_mask(street())[0]
    assert float(mask[53:59, 63:69].min()) > 0.9
    assert float(mask[42:48, 10:50].max()) < 0.1  # wall
    assert float(mask[84:, :].max()) < 0.1  # road
    x = torch.tensor([0.2, 0.9]).view(1, 1, 2).expand(3, 1, 2)
    assert highlight_mask(x).flatten().tolist() == pytest.approx([0, 1], abs=0.01)


def test_a_scene_without_any_light_is_black():
    assert float(NightScene(**DARK)(decode(street())).max()) == 0


def test_ambient_light_scales_the_scene_and_the_sky_has_its_own():
    day = decode(street())
    out = NightScene(**{**DARK, "ambient": 0.1, "kelvin": 6500})(day)
    assert torch.allclose(out[:, 84:], 0.1 * day[:, 84:], rtol=1e-3)
    assert float(out[:, :36].max()) < 0.01
    glow = NightScene(**{**DARK, "sky": 0.02, "kelvin": 6500})(day)
    assert glow[:, :36].mean().item() == pytest.approx(0.02, rel=0.05)
    assert float(glow[:, 46:].max()) < 0.002


def test_light_falls_off_from_a_lamp():
    """(1 + (d / h)^2)^(-3/2): 1 below the lamp, 2^(-3/2) at a distance of its height."""
    torch.manual_seed(3)
    scene = NightScene(**{**DARK, "lamps": 1, "power": 0.5, "height": 0.25, "kelvin": 6500})
    light = scene._lamps(96, 128, 6500.0)[0]
    at = (light == light.max()).nonzero()[0]
    assert float(light.max()) == pytest.approx(0.5, rel=0.01)
    away = at + torch.tensor([0, 32 if at[1] < 64 else -32])  # 32 of 128 pixels, a quarter of the width
    assert float(light[*away]) == pytest.approx(0.5 * 2**-1.5, rel=0.05)


def test_lit_windows_are_brighter_than_the_wall():
    torch.manual_seed(0)
    out = NightScene(**{**DARK, "windows": 1.0, "shine": 1.0})(decode(street()))
    assert float(out[0, 53:59, 63:69].mean()) > 0.2
    assert float(out[:, 42:48, 10:50].max()) < 0.1


def test_highlights_keep_their_share():
    x = torch.full((3, 96, 128), 0.2)
    x[:, 60:70, 60:70] = 0.95
    out = NightScene(**{**DARK, "highlights": 0.4})(decode(x))
    assert out[0, 65, 65].item() == pytest.approx(0.4 * float(decode(torch.tensor(0.95))), rel=0.01)
    assert float(out[:, :30].max()) < 1e-3


def test_exposure_brings_the_mean_to_what_was_asked_for():
    x = torch.full((3, 2, 2), 0.01)
    assert Exposure(mean=0.05)(x).mean().item() == pytest.approx(0.05)
    assert Exposure(mean=0.05, most=2.0)(x).mean().item() == pytest.approx(0.02)  # no camera exposes for ever


def test_glow_spreads_what_is_overexposed():
    x = torch.zeros(3, 64, 64)
    x[:, 32, 32] = 2.5
    out = Glow(strength=0.3, radius=0.05, threshold=0.5)(x)
    spread = out - x
    assert spread.sum().item() == pytest.approx(3 * 0.3 * 2.0, rel=0.05)  # but for what leaves the image
    assert float(spread[0, 32, 32]) > float(spread[0, 32, 40]) > float(spread[0, 32, 60]) > 0
    dim = torch.full((3, 8, 8), 0.4)
    assert torch.equal(Glow(threshold=0.5)(dim), dim)


def test_a_wide_blur_equals_a_plain_one():
    """At lower resolution and back, against the Gaussian summed up pixel by pixel."""
    x = torch.zeros(1, 81, 81)
    x[0, 40, 40] = 1
    out = blur(x.expand(3, -1, -1), 6.0)[0]
    distance = torch.arange(81.0) - 40
    kernel = torch.exp(-(distance**2) / (2 * 36))
    expected = torch.outer(kernel, kernel) / kernel.sum() ** 2
    assert float((out - expected).abs().max()) < 0.1 * float(expected.max())


def test_vignetting_is_cos4():
    out = Vignetting(degrees=30.0)(torch.ones(3, 49, 65))
    assert out[0, 24, 32].item() == pytest.approx(1)
    assert out[0, 0, 0].item() == pytest.approx(math.cos(math.radians(30)) ** 4)


def test_motion_blur_is_a_mean_along_a_line():
    x = torch.zeros(3, 41, 100)
    x[:, 20, 50] = 1
    torch.manual_seed(0)
    out = MotionBlur(length=0.1)(x)
    assert out.sum().item() == pytest.approx(3, rel=1e-4)
    there = out[0].nonzero().float()
    reach = (there - torch.tensor([20.0, 50.0])).norm(dim=1).max().item()
    assert 4.5 < reach < 7.0  # half of the path of 10 pixels, and a pixel's corner
    assert torch.equal(MotionBlur(length=0.0)(x), x)


def test_noise_is_shot_and_read():
    torch.manual_seed(0)
    dark, bright = torch.full((3, 200, 200), 0.2), torch.full((3, 200, 200), 0.8)
    for x in (dark, bright):
        out = SensorNoise(shot=0.005, read=0.02)(x)
        assert float((out - x).var()) == pytest.approx(0.005 * float(x[0, 0, 0]) + 0.02**2, rel=0.03)
    assert float(SensorNoise(shot=0.0, read=0.5)(dark).min()) == 0  # a sensor counts no negative light


def test_noise_of_a_wider_photo_shrinks_as_its_pixels_are_averaged():
    """The same as noise on the wide photo whose blocks of 4 x 4 pixels become one."""
    torch.manual_seed(0)
    wide = torch.full((3, 400, 400), 0.5)
    averaged = torch.nn.functional.avg_pool2d(SensorNoise(shot=0.01, read=0.02)(wide), 4)
    direct = SensorNoise(shot=0.01, read=0.02, width=400)(torch.full((3, 100, 100), 0.5))
    assert float(direct.std()) == pytest.approx(float(averaged.std()), rel=0.03)
    assert float(direct.std()) == pytest.approx((0.01 * 0.5 + 0.02**2) ** 0.5 / 4, rel=0.03)
    larger = SensorNoise(shot=0.0, read=0.02, width=100)(wide) - wide  # never more than the photo has
    assert float(larger.std()) == pytest.approx(0.02, rel=0.03)


def test_jpeg_loses_more_at_lower_quality():
    x = street()
    errors = [float((Jpeg(quality)(x) - x).abs().mean()) for quality in (100, 60, 5)]
    assert errors == sorted(errors)
    assert errors[0] < 0.01 < errors[2]


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: NightScene(kelvin=[100, 200]), "kelvin"),
        (lambda: NightScene(windows=1.5), "windows"),
        (lambda: Jpeg(0), "quality"),
        (lambda: Exposure(mean=2.0), "mean"),
    ],
)
def test_wrong_values_are_named(make, name):
    with pytest.raises(ValueError, match=f"{name} must be a number or"):
        make()
