"""What a camera makes of little light. All but `Jpeg` work in linear light, 1 being a full sensor well."""

from __future__ import annotations

import io
import math

import torch
import torch.nn.functional as F
from PIL import Image
from torchvision.transforms.v2 import functional as tf

from geoloc.data.augment.step import Range, Step, check, draw, draw_whole, luma


class Exposure(Step):
    """gain * x: the exposure, and the amplification after it, that bring the mean luma to `mean`, but not above `most`.

    A camera's automatic exposure aims at a fixed mean; by night its longest exposure ends before (Debevec and Malik,
    1997, on exposure as a factor on scene radiance).

    Args:
        mean: Mean linear luma of the photo.
        most: Largest gain.
        p: Probability.
    """

    def __init__(self, mean: Range, most: Range = 16.0, p: float = 1.0) -> None:
        super().__init__(p)
        check("mean", mean, most=1)
        check("most", most)
        self.mean, self.most = mean, most

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        wanted = draw(self.mean) / float(luma(x).mean().clamp_min(1e-6))
        return x * min(wanted, draw(self.most))


class Glow(Step):
    """x + strength * blur(bright part): light scattered in lens and air around what is overexposed.

    The bright part is max(0, x - threshold); the point spread is the mean of Gaussians of radius, 2 radius and
    4 radius, whose tail falls off like that of measured glare (Spencer et al., SIGGRAPH 1995).

    Args:
        strength: Share of the light that is scattered.
        radius: Standard deviation as a share of the width.
        threshold: Linear light above which it is scattered visibly.
        p: Probability.
    """

    def __init__(
        self, strength: Range = (0.1, 0.6), radius: Range = (0.01, 0.03), threshold: Range = 0.5, p: float = 1.0
    ) -> None:
        super().__init__(p)
        check("strength", strength)
        check("radius", radius, 1e-4, 1)
        check("threshold", threshold)
        self.strength, self.radius, self.threshold = strength, radius, threshold

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        bright = (x - draw(self.threshold)).clamp_min(0)
        strength, radius = draw(self.strength), draw(self.radius) * x.shape[2]
        if not bool(bright.any()):
            return x
        return x + strength * sum(blur(bright, scale * radius) for scale in (1, 2, 4)) / 3


def blur(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """Gaussian blur of (3, H, W); wide ones at a lower resolution, where they cost little."""
    height, width = x.shape[1:]
    shrink = max(1, int(sigma // 2))
    small = F.avg_pool2d(x, shrink, ceil_mode=True, count_include_pad=False) if shrink > 1 else x
    sigma = max(sigma / shrink, 0.1)
    reach = min(math.ceil(3 * sigma), min(small.shape[1:]) - 1)
    small = tf.gaussian_blur(small, [2 * reach + 1] * 2, [sigma, sigma])
    return tf.resize(small, [height, width], antialias=False) if shrink > 1 else small


class Vignetting(Step):
    """x * cos^4 of the angle to the optical axis: natural vignetting (Kang and Weiss, ECCV 2000).

    Args:
        degrees: Angle of the corners to the axis: half of the diagonal angle of view.
        p: Probability.
    """

    def __init__(self, degrees: Range = (20, 45), p: float = 1.0) -> None:
        super().__init__(p)
        check("degrees", degrees, 0, 80)
        self.degrees = degrees

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        height, width = x.shape[1:]
        down, right = torch.linspace(-1, 1, height).view(-1, 1), torch.linspace(-1, 1, width)
        diagonal = math.hypot(height, width)
        squared = (down * height / diagonal) ** 2 + (right * width / diagonal) ** 2  # 1 in the corners
        tangent = math.tan(math.radians(draw(self.degrees)))
        return x / (1 + squared * tangent**2) ** 2


class MotionBlur(Step):
    """The mean along a straight path that the camera moves while the shutter is open.

    Args:
        length: Of the path, as a share of the width.
        p: Probability.
    """

    def __init__(self, length: Range = (0.0, 0.03), p: float = 1.0) -> None:
        super().__init__(p)
        check("length", length, most=0.5)
        self.length = length

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        length, angle = draw(self.length) * x.shape[2], math.pi * float(torch.rand(()))
        steps = 2 * math.ceil(length / 2) + 1
        if steps == 1:
            return x
        along = torch.linspace(-length / 2, length / 2, steps)
        reach = steps // 2
        kernel = torch.zeros(steps, steps)
        for distance in along.tolist():  # each point of the path is shared by the four pixels around it
            right, down = reach + distance * math.cos(angle), reach + distance * math.sin(angle)
            left, top = min(int(right), steps - 2), min(int(down), steps - 2)
            for i, j, share in (
                (top, left, (top + 1 - down) * (left + 1 - right)),
                (top, left + 1, (top + 1 - down) * (right - left)),
                (top + 1, left, (down - top) * (left + 1 - right)),
                (top + 1, left + 1, (down - top) * (right - left)),
            ):
                kernel[i, j] += share / steps
        padded = F.pad(x[None], [reach] * 4, mode="replicate")
        return F.conv2d(padded, kernel.expand(3, 1, -1, -1), groups=3)[0]


class SensorNoise(Step):
    """x + n, with n Gaussian of variance shot * x + read^2: photons arrive at random, and so do readout errors.

    The affine model of Foi et al., Practical Poissonian-Gaussian Noise Modeling, IEEE TIP 2008.

    Args:
        shot: Variance per unit of light: gain over the electrons of a full well.
        read: Standard deviation in the dark.
        width: Pixels across the photo that has this noise. Each pixel of a narrower image is the mean of several of its
            pixels: the noise is smaller by the ratio of the widths. None: the image is that photo.
        p: Probability.
    """

    def __init__(
        self, shot: Range = (0.0, 0.01), read: Range = (0.0, 0.02), width: float | None = None, p: float = 1.0
    ) -> None:
        super().__init__(p)
        check("shot", shot)
        check("read", read)
        if width is not None:
            check("width", width, 1)
        self.shot, self.read, self.width = shot, read, width

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        deviation = (draw(self.shot) * x.clamp_min(0) + draw(self.read) ** 2).sqrt()
        if self.width is not None:
            deviation = deviation * min(1.0, x.shape[-1] / self.width)
        return (x + deviation * torch.randn_like(x)).clamp_min(0)


class Jpeg(Step):
    """Compression with losses, on an encoded image from 0 to 1 (ITU-T T.81).

    Args:
        quality: 1 to 100.
        p: Probability.
    """

    def __init__(self, quality: Range = (40, 95), p: float = 1.0) -> None:
        super().__init__(p)
        check("quality", quality, 1, 100)
        self.quality = quality

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        file = io.BytesIO()
        tf.to_pil_image((x.clamp(0, 1) * 255).round().to(torch.uint8)).save(
            file, "JPEG", quality=draw_whole(self.quality)
        )
        return tf.pil_to_tensor(Image.open(file)).float() / 255
