"""ResNet-18 to conv4: the network as it is against its twins that describe images."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from rounds import in_turn, rows

from geoloc.extraction.compiling import Shapes
from geoloc.extraction.fast import lowest_cosine, twin
from geoloc.extraction.precision import fastest
from geoloc.net import DescriptorNet

SPEC = {
    "backbone": {"_target_": "geoloc.backbones.resnet.ResNet", "depth": 18, "weights": "none"},
    "aggregator": {"_target_": "geoloc.aggregators.netvlad.NetVLAD"},
}


def network(size: tuple[int, int]) -> DescriptorNet:
    """ResNet-18 + NetVLAD with random weights and measured batch-norm statistics, in eval mode."""
    torch.manual_seed(0)
    net = DescriptorNet.from_spec(SPEC | {"image_size": list(size)}).train()
    with torch.no_grad():
        for _ in range(8):
            net(torch.randint(256, (4, 3, 96, 128), dtype=torch.uint8))
    return net.eval()


def measure(full: bool = False) -> list[dict[str, Any]]:
    """A batch at 480x640 (full: also 240x320, and compiled), by all ways that this processor has."""
    if not full:
        return of_size((480, 640), 8, 3, compiled=False)
    return [row for size in ((480, 640), (240, 320)) for row in of_size(size, 16, 7, compiled=True)]


def of_size(size: tuple[int, int], batch: int, rounds: int, compiled: bool) -> list[dict[str, Any]]:
    """The rows of one size of images; compiling itself is not counted."""
    net = network(size)
    images = torch.randint(256, (batch, 3, *size), dtype=torch.uint8)
    names = ("float32", "bfloat16") if fastest(torch.device("cpu")) == "bfloat16" else ("float32",)
    ways = {name: twin(net, name) for name in names}
    if compiled:
        shapes = Shapes(batch, frozenset([size]))
        ways |= {f"{name}, compiled": twin(net, name, shapes) for name in names}
    with torch.inference_mode():
        exact = net(images)
        notes = {name: f"lowest cosine {lowest_cosine(other(images), exact):.7f}" for name, other in ways.items()}
        calls = {name: partial(other.features, images) for name, other in {"baseline": net, **ways}.items()}
        taken = in_turn(calls, rounds)
    return rows("backbone", f"{batch} images of {size[0]}x{size[1]}", taken, notes)
