"""The light of a street by night, put into a photo taken by day. All of it happens in linear light.

By day the sky lights everything. By night it is dark, a few lamps light what is near them, and what shines by itself
(windows, shop fronts, signs) is brighter than what is lit.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from geoloc.data.augment.step import Chain, Range, Step, check, check_whole, draw, draw_whole, luma

# Chromaticity-like gains of a black body relative to daylight, by colour temperature in kelvin; see `lamp_colour`.
KELVIN = (1800.0, 6500.0)


def decode(x: torch.Tensor) -> torch.Tensor:
    """Linear light of values encoded as sRGB (IEC 61966-2-1)."""
    return torch.where(x <= 0.04045, x / 12.92, ((x.clamp_min(0) + 0.055) / 1.055) ** 2.4)


def encode(x: torch.Tensor) -> torch.Tensor:
    """The inverse of `decode`; light above 1 is clipped, as a full sensor well is."""
    x = x.clamp(0, 1)
    return torch.where(x <= 0.0031308, 12.92 * x, 1.055 * x.clamp_min(1e-9) ** (1 / 2.4) - 0.055)


class LinearLight(Chain):
    """Steps between `decode` and `encode`; all or none of them.

    Args:
        steps: They map linear light, 1 being the brightest that a photo can show.
        p: Probability.
    """

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return encode(super().change(decode(x)))


def lamp_colour(kelvin: float) -> torch.Tensor:
    """(3,) linear gains of red, green and blue under a lamp, for a camera balanced for daylight; the largest is 1.

    Planck's law at 610, 550 and 465 nm relative to a black body of 6500 K.
    """
    wavelength = torch.tensor([610e-9, 550e-9, 465e-9], dtype=torch.float64)
    second = 1.438777e-2  # h c / k in metre kelvin
    radiance = torch.expm1(second / (wavelength * 6500.0)) / torch.expm1(second / (wavelength * kelvin))
    return (radiance / radiance.max()).float()


def sky_mask(x: torch.Tensor, brightness: float = 0.35, roughness: float = 0.05) -> torch.Tensor:
    """How much each pixel of a day photo is sky: bright, smooth, not warm, and joined to the upper edge by such pixels.

    Args:
        x: (3, H, W) encoded photo, 0 to 1.
        brightness: Luma from which on it can be sky.
        roughness: Standard deviation of luma over a neighbourhood, up to which it can be sky.

    Returns:
        (1, H, W), 0 to 1.
    """
    small = _shrink(x)
    y = luma(small)[None]
    mean = _mean(y, 5)
    rough = (_mean(y * y, 5) - mean * mean).clamp_min(0).sqrt()
    cold = torch.sigmoid((small[2] - small[0] + 0.08) / 0.02)
    likely = torch.sigmoid((mean - brightness) / 0.04) * torch.sigmoid((roughness - rough) / 0.01) * cold
    core = likely.cummin(dim=2).values  # a column is sky from the top down to the first thing that is not
    # Next to an edge no neighbourhood is smooth: there it is sky if it is as bright as the sky nearby.
    near = F.max_pool2d(core, 9, 1, 4)
    there = _mean(y * core, 21) / _mean(core, 21).clamp_min(1e-3)
    core, near, there = (F.interpolate(each, x.shape[1:], mode="bilinear") for each in (core, near, there))
    alike = torch.sigmoid((0.08 - (luma(x) - there).abs()) / 0.015)
    return torch.maximum(core, near * alike)[0]


def _shrink(x: torch.Tensor) -> torch.Tensor:
    """(3, H, W) at a size at which some 5 pixels are a neighbourhood: shorter side 96, or as it is if smaller."""
    shorter = min(x.shape[1:])
    if shorter <= 96:
        return x
    return F.interpolate(x[None], scale_factor=96 / shorter, mode="bilinear", antialias=True)[0]


def _mean(x: torch.Tensor, size: int) -> torch.Tensor:
    """Mean over size x size pixels around each one of (1, 1, H, W)."""
    padded = F.pad(x, [size // 2] * 4, mode="replicate")
    return F.avg_pool2d(F.avg_pool2d(padded, (size, 1), 1), (1, size), 1)


class NightScene(Step):
    """A day scene by night: radiance = albedo-like day radiance x (ambient + lamps) + what shines by itself.

    - Sky: replaced by its glow, `sky` of full scale (light pollution; Kyba et al., 2015).
    - Lamps: point sources at height h over what they light give an irradiance of (1 + (d / h)^2)^(-3/2), from the
      inverse square law and Lambert's cosine law; d and h are measured in the image.
    - Lit windows: what is darker than its surroundings by day, window panes above all, shines by night in some places.
    - Highlights: the brightest surfaces that are not sky keep shining, as signs and shop fronts do.

    Args:
        ambient: Light that is everywhere, as a share of daylight.
        sky: Brightness of the sky.
        lamps: Number of lamps.
        power: Light right under a lamp, as a share of daylight.
        height: Height of a lamp over what it lights, as a share of the image's width.
        kelvin: Colour temperature of a lamp: sodium 2000, warm white 3000, mercury and LED 4000 to 6500.
        windows: Share of the places where windows are lit.
        shine: Brightness of lit windows.
        highlights: Share of their brightness that highlights keep.
        p: Probability.
    """

    def __init__(
        self,
        ambient: Range = (0.01, 0.12),
        sky: Range = (0.0, 0.03),
        lamps: Range = (2, 8),
        power: Range = (0.1, 0.8),
        height: Range = (0.08, 0.3),
        kelvin: Range = (1900, 5000),
        windows: Range = (0.0, 0.4),
        shine: Range = (0.1, 0.9),
        highlights: Range = (0.0, 0.5),
        p: float = 1.0,
    ) -> None:
        super().__init__(p)
        for name, bounds, least, most in (
            ("ambient", ambient, 0, 10),
            ("sky", sky, 0, 1),
            ("power", power, 0, 10),
            ("height", height, 0.001, 10),
            ("kelvin", kelvin, *KELVIN),
            ("windows", windows, 0, 1),
            ("shine", shine, 0, 10),
            ("highlights", highlights, 0, 1),
        ):
            check(name, bounds, least, most)
        check_whole("lamps", lamps, 0, 100)
        self.ambient, self.sky, self.lamps, self.power, self.height = ambient, sky, lamps, power, height
        self.kelvin, self.windows, self.shine, self.highlights = kelvin, windows, shine, highlights

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class; `x` is linear."""
        day = encode(x)
        sky = sky_mask(day)
        main = draw(self.kelvin)  # most lamps of a street are alike
        lit = x * (draw(self.ambient) * self._tint(main, 0.5) + self._lamps(x.shape[1], x.shape[2], main))
        lit = lit + self._windows(x, day, sky) + draw(self.highlights) * x * highlight_mask(day)
        return (1 - sky) * lit + sky * draw(self.sky) * self._tint(main, 0.5)

    def _tint(self, kelvin: float, strength: float = 1.0) -> torch.Tensor:
        return (lamp_colour(kelvin) ** strength).view(3, 1, 1)

    def _lamps(self, height: int, width: int, main: float) -> torch.Tensor:
        """(3, H, W) irradiance."""
        down = torch.linspace(0, height / width, height).view(-1, 1)
        right = torch.linspace(0, 1, width)
        total = torch.zeros(3, height, width)
        for _ in range(draw_whole(self.lamps)):
            at = torch.rand(2)
            distance = (right - at[0]) ** 2 + (down - at[1] * height / width) ** 2
            falloff = (1 + distance / draw(self.height) ** 2) ** -1.5
            kelvin = main if float(torch.rand(())) < 0.7 else draw(self.kelvin)
            total = total + draw(self.power) * self._tint(kelvin) * falloff
        return total

    def _windows(self, x: torch.Tensor, day: torch.Tensor, sky: torch.Tensor) -> torch.Tensor:
        """(3, H, W) radiance of lit windows."""
        _, height, width = x.shape
        share = draw(self.windows)
        places = torch.rand(1, 1, max(2, height // 12), max(2, width // 12))
        on = F.interpolate((places < share).float(), size=(height, width), mode="nearest")[0]
        level = F.interpolate(torch.rand(places.shape), size=(height, width), mode="nearest")[0]
        return draw(self.shine) * level * on * window_mask(day) * (1 - sky) * self._tint(draw(self.kelvin), 0.7)


def window_mask(x: torch.Tensor) -> torch.Tensor:
    """How much each pixel of a day photo may be a pane: darker than what is around, smooth, not green, above the road.

    Args:
        x: (3, H, W) encoded photo.

    Returns:
        (1, H, W), 0 to 1.
    """
    y = luma(x)[None]
    around = F.interpolate(_mean(luma(_shrink(x))[None], 17), x.shape[1:], mode="bilinear")
    size = 2 * (min(x.shape[1:]) // 96) + 1
    rough = (_mean(y * y, size) - _mean(y, size) ** 2).clamp_min(0).sqrt()
    dark = torch.sigmoid(((around - y) / (around + 0.05) - 0.2) / 0.05)
    smooth = torch.sigmoid((0.05 - rough) / 0.01)
    plant = torch.sigmoid((x[1] - torch.maximum(x[0], x[2]) - 0.06) / 0.02)
    above = torch.sigmoid((0.75 - torch.linspace(0, 1, x.shape[1]).view(-1, 1)) / 0.03)
    return (dark * smooth * (1 - plant) * above)[0]


def highlight_mask(x: torch.Tensor, threshold: float = 0.7) -> torch.Tensor:
    """How much each pixel of a day photo is among the brightest: (1, H, W), 0 to 1.

    Args:
        x: (3, H, W) encoded photo.
        threshold: Largest channel from which on it is.
    """
    return torch.sigmoid((x.amax(dim=0, keepdim=True) - threshold) / 0.04)
