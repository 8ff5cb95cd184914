"""A few operations drawn at random for each image, and one strength: two numbers and a mix instead of a dozen ranges.

Cubuk et al., RandAugment, 2020, with operations that are about night; in the order in which light meets them. The mix
is meant to be searched on validation data by day and night: `hparams_search=night_augmentation`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch

from geoloc.data.augment.camera import Glow, Jpeg, MotionBlur, SensorNoise, Vignetting
from geoloc.data.augment.color import Brightness, Contrast, Gamma, Saturation
from geoloc.data.augment.light import LinearLight, NightScene
from geoloc.data.augment.step import Blend, Chain, Range, Step, check, check_whole, draw, draw_whole
from geoloc.data.augment.tuples import Augment, Role

# Operations at strength s, from 0 (next to nothing) to 1 (as strong as night photos are). These work in linear light.
IN_LIGHT: dict[str, Callable[[float], Step]] = {
    "scene": lambda s: Blend(NightScene(), share=s),
    "exposure": lambda s: Brightness(factor=1 - 0.95 * s),
    "glow": lambda s: Glow(strength=0.8 * s, radius=0.02, threshold=0.3),
    "vignetting": lambda s: Vignetting(degrees=50 * s),
    "motion_blur": lambda s: MotionBlur(length=0.03 * s),
    "noise": lambda s: SensorNoise(shot=0.006 * s, read=0.012 * s, width=640),
}
# And these on the encoded image.
AFTERWARDS: dict[str, Callable[[float], Step]] = {
    "gamma": lambda s: Gamma(gamma=1 + 1.2 * s),
    "contrast": lambda s: Contrast(factor=(1 - 0.5 * s, 1 + 0.5 * s)),
    "saturation": lambda s: Saturation(factor=(1 - 0.8 * s, 1 + 0.2 * s)),
    "jpeg": lambda s: Jpeg(quality=100 - 70 * s),
}
NAMES = (*IN_LIGHT, *AFTERWARDS)


class RandomOperations(Step):
    """Draws `count` different operations by their weights and applies them at one strength.

    Args:
        count: Number of operations, a constant or [low, high].
        strength: 0 to 1.
        weights: Operation -> how often it is drawn, relative to the others; 0 never. Those left out have weight 1.
        p: Probability that the image is changed at all.
    """

    def __init__(
        self, count: Range = 3, strength: Range = (0.0, 1.0), weights: Mapping[str, float] | None = None, p: float = 0.5
    ) -> None:
        super().__init__(p)
        unknown = [name for name in weights or {} if name not in NAMES]
        if unknown:
            raise ValueError(f"weights: no such operation: {unknown[0]}; there are {', '.join(NAMES)}")
        self.weights = {name: float((weights or {}).get(name, 1.0)) for name in NAMES}
        check("weights", [min(self.weights.values()), max(self.weights.values())])
        possible = sum(weight > 0 for weight in self.weights.values())
        if possible == 0:
            raise ValueError("weights: all are 0; at least one operation must be possible")
        check_whole("count", count, 1, possible)
        check("strength", strength, most=1)
        self.count, self.strength = count, strength

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        drawn = torch.multinomial(torch.tensor(list(self.weights.values())), draw_whole(self.count)).tolist()
        s = draw(self.strength)
        chosen = [NAMES[number] for number in sorted(drawn)]
        light = [IN_LIGHT[name](s) for name in chosen if name in IN_LIGHT]
        if light:
            x = LinearLight(light)(x)
        return Chain([AFTERWARDS[name](s) for name in chosen if name in AFTERWARDS])(x)


class Smart(Augment):
    """`RandomOperations` on a training tuple.

    Args:
        images: See `Augment`.
        full_size: Likewise.
        count: See `RandomOperations`.
        strength: Likewise.
        weights: Likewise.
        p: Likewise.
        keep_original: See `Augment`.
    """

    def __init__(
        self,
        images: Sequence[Role] = ("query",),
        count: Range = 3,
        strength: Range = (0.0, 1.0),
        weights: Mapping[str, float] | None = None,
        p: float = 0.5,
        full_size: bool = False,
        keep_original: bool = False,
    ) -> None:
        operations = RandomOperations(count, strength, weights, p)
        super().__init__([operations], images, full_size=full_size, keep_original=keep_original)
