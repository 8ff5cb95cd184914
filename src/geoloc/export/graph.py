"""The network as a graph, by torch.export: any number of images, and any size of them where the network allows it.

Whether it does is found out by running the graph. What depends on the size in Python (the regions of R-MAC) is written
into it for one size; at another it would be refused or, in an ONNX file, give other descriptors without a word.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch.export import Dim, ExportedProgram
from torch.fx import GraphModule

from geoloc.errors import InputError
from geoloc.export.parity import check_sizes
from geoloc.export.quiet import quiet, reason
from geoloc.export.rewritten import rewrite
from geoloc.net import DescriptorNet

SMALLEST = 64  # pixels a side; of smaller images some maps are one pixel, and torch writes ones into the graph


@dataclass(frozen=True)
class Graph:
    """An exported program.

    Attributes:
        program: Takes (B, 3, H, W) uint8 images.
        step: Height and width may be any multiple of so many pixels; None: those of `image_size` alone.
        note: Why they are fixed; empty if they are not.
    """

    program: ExportedProgram
    step: int | None
    note: str = ""


def graph_of(net: DescriptorNet) -> Graph:
    """The graph of a network, with as few fixed sizes as possible.

    Args:
        net: On any device; the graph is made on the CPU, from a copy.

    Raises:
        Exception: Whatever torch.export raises, if not even a graph of a fixed size can be made.
    """
    plain = on_cpu(net)
    worked_on = deepcopy(plain)
    rewrite(worked_on)
    step = step_of(plain)
    if step is None:
        return fixed_graph(net, "the network takes images of this size alone")
    try:
        program = _exported(worked_on, {0, 2, 3})
        with quiet():
            check_sizes(program.module(), plain, sizes_tried(plain, step))
    except Exception as error:  # whatever is specialised, or refused by a guard, when the sizes change
        return fixed_graph(net, f"another size would need another graph ({reason(error)})")
    return Graph(program, step)


def fixed_graph(net: DescriptorNet, note: str) -> Graph:
    """The graph of a network for images of its own size.

    Args:
        net: On any device.
        note: Why it is fixed.
    """
    worked_on = on_cpu(net)
    rewrite(worked_on)
    return Graph(_exported(worked_on, {0}), None, note)


def on_cpu(net: DescriptorNet) -> DescriptorNet:
    """A copy on the CPU that learns nothing, in eval mode and for one scale."""
    copy = deepcopy(net).cpu().eval().requires_grad_(False)
    copy.multiscale = None
    return copy


def _exported(net: DescriptorNet, free: set[int]) -> ExportedProgram:
    """The program, with these dimensions of the images left open; without the paths of source files."""
    # Two images: of one alone the batch would be taken for a constant.
    images = torch.zeros(2, 3, *net.image_size, dtype=torch.uint8)
    shapes: Any = (dict.fromkeys(free, Dim.DYNAMIC),)
    with quiet(), torch.no_grad():
        program = torch.export.export(net, (images,), dynamic_shapes=shapes, strict=False)  # as since torch 2.7
    for part in program.graph_module.modules():  # what runs without autocast is a graph inside the graph
        for node in part.graph.nodes if isinstance(part, GraphModule) else ():
            node.meta.pop("stack_trace", None)
    return program


def step_of(net: DescriptorNet) -> int | None:
    """Pixels of which height and width may be multiples, as the network says; None if it takes one size alone."""
    for step in dict.fromkeys((1, *(getattr(net.backbone, name, 1) for name in ("stride", "multiple")))):
        height, width = (-(-side // step) * step for side in net.image_size)
        if _takes(net, height + step, width + 2 * step):
            return step
    return None


def told_sizes(step: int | None, image_size: tuple[int, int]) -> str:
    """The sizes of images that a graph takes, in words.

    Example:
        >>> told_sizes(1, (480, 640)), told_sizes(14, (224, 224)), told_sizes(None, (224, 224))
        ('any height and width', 'height and width multiples of 14', '224x224 (height x width) alone')
    """
    if step is None:
        return f"{image_size[0]}x{image_size[1]} (height x width) alone"
    return "any height and width" if step == 1 else f"height and width multiples of {step}"


def sizes_tried(net: DescriptorNet, step: int) -> list[tuple[int, int]]:
    """(height, width) at which a graph is run besides the network's own: larger, half as large, and turned."""
    height, width = (-(-side // step) * step for side in net.image_size)
    half = [max(side // 2, SMALLEST) // step * step or step for side in (height, width)]
    sizes = [(height + 7 * step, width + 13 * step), (half[0], half[1]), (width, height)]
    return [size for size in dict.fromkeys(sizes) if size != net.image_size and _takes(net, *size)]


def _takes(net: DescriptorNet, height: int, width: int) -> bool:
    try:
        net.check_size(height, width)
    except InputError:
        return False
    return True
