"""How test images are shown to a network: whether it can take them so, and what results.json says of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from typing import Any

import torch

from geoloc.data.images import Decode
from geoloc.errors import InputError
from geoloc.multiscale.scaling import MultiScale
from geoloc.net import DescriptorNet
from geoloc.search import choice_of
from geoloc.views.hard_resize import HardResize
from geoloc.views.view import View

SMALLEST = 32  # pixels a side; the last map of most networks is a single cell then


def protocol_of(
    image_size: tuple[int, int], view: View, multiscale: MultiScale | None, decode: Decode = "full"
) -> dict[str, Any]:
    """Plain values that say how the images of a domain are shown."""
    return {
        "image_size": list(image_size),
        "resampling": "bilinear, antialiased",
        "decode": decode,
        "views": facts_of(view),
        "multiscale": None if multiscale is None else facts_of(multiscale),
    }


def facts_of(part: Any) -> dict[str, Any]:
    """Plain values from which the part can be built again, and its name."""
    values = asdict(part) if is_dataclass(part) and not isinstance(part, type) else {}
    return {"name": choice_of(part), "_target_": f"{type(part).__module__}.{type(part).__qualname__}", **values}


def check_sizes(net: DescriptorNet, view: View | None, multiscale: MultiScale | None) -> None:
    """Make sure that the network takes all sizes of images that a test shows it; the smallest is tried.

    Args:
        net: The network, whose own image size is known to be right; may be without memory (device "meta").
        view: Of the test queries; None: as in training.
        multiscale: None for one scale.

    Raises:
        InputError: Names the view or scale, the size, and what would do.
    """
    sizes = {net.image_size} | set(_of_view(net, view or HardResize()))
    if multiscale is not None:
        sizes |= set(_of_scales(net, multiscale, sorted(sizes)))
    if sizes != {net.image_size}:
        _try(net, *min(sizes, key=lambda size: (min(size), max(size))))


def _of_view(net: DescriptorNet, view: View) -> Iterator[tuple[int, int]]:
    """The view's sizes, each of them checked."""
    for size in view.sizes(net.image_size):
        refused = _refused(net, size)
        if refused:
            raise InputError(
                f"views={choice_of(view)}: a query may come to {size[0]}x{size[1]} pixels, but {refused}; use"
                f" views=hard_resize or views=central_crop, or {_other(net)}"
            )
        yield size


def _of_scales(net: DescriptorNet, multiscale: MultiScale, sizes: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """What becomes of the sizes, each of them checked."""
    for size in sizes:
        for look, (height, width) in multiscale.sizes(*size).items():
            what = f"multiscale: {look} of {size[0]}x{size[1]} pixels gives {height}x{width}"
            if min(height, width) < SMALLEST:
                raise InputError(
                    f"{what}, but each side must have at least {SMALLEST}; leave that one out, or use a larger"
                    " image_size or multiscale=none"
                )
            refused = _refused(net, (height, width))
            if refused:
                raise InputError(f"{what}, but {refused}; use multiscale=none, or {_other(net)}")
            yield height, width


def _refused(net: DescriptorNet, size: tuple[int, int]) -> str:
    """Why the network does not take images of this size; empty if it does."""
    try:
        net.check_size(*size)
    except InputError as error:
        return str(error).removeprefix("image_size: ")
    return ""


def _other(net: DescriptorNet) -> str:
    """What to choose instead of the part that takes one size alone."""
    if getattr(net.aggregator, "one_size", False):
        return "an aggregator that takes all sizes, such as netvlad"
    return "a backbone that takes all sizes, such as resnet18"


def _try(net: DescriptorNet, height: int, width: int) -> None:
    """Describe a black image of this size.

    Raises:
        InputError: A layer cannot.
    """
    try:
        net.describe(torch.zeros(1, 3, height, width, dtype=torch.uint8, device=net.mean.device))
    except Exception as error:  # whatever the layers of a foreign backbone raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        if "meta tensors" in reason:  # it asks for values, which only a network with memory has
            return
        raise InputError(
            f"views, multiscale: this network cannot describe images of {height}x{width} pixels, the smallest that the"
            f" test would show it ({reason}); use views=hard_resize multiscale=none, or a larger image_size"
        ) from None
