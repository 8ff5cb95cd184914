"""The colour of a confidence: orange, violet, blue, which those tell apart too who see no red or no green."""

from __future__ import annotations

import math

STOPS = ((196, 88, 0), (160, 72, 140), (0, 103, 168))  # of confidence 0, 1/2 and 1


def colour_of(confidence: float) -> str:
    """As #rrggbb; that of 1 for NaN, which has no scale to stand on.

    Example:
        >>> colour_of(0.0), colour_of(0.75), colour_of(1.0)
        ('#c45800', '#50589a', '#0067a8')
    """
    place = 2.0 if math.isnan(confidence) else 2 * min(max(confidence, 0.0), 1.0)
    low = min(int(place), 1)
    mixed = (a + (b - a) * (place - low) for a, b in zip(STOPS[low], STOPS[low + 1], strict=True))
    return "#" + "".join(f"{round(each):02x}" for each in mixed)
