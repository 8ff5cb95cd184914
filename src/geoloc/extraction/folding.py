"""Batch norm folded into the convolution before it: in eval mode both are one linear map, so one of them can go."""

from __future__ import annotations

import warnings
from copy import deepcopy

import torch
from torch import nn
from torch.fx import GraphModule, Tracer
from torch.fx.experimental.optimization import fuse


def folded(backbone: nn.Module) -> nn.Module:
    """A copy of a backbone in eval mode, without the batch norms that follow a convolution.

    Args:
        backbone: Any module; one that torch.fx cannot trace comes back as a plain copy.

    Returns:
        A module that shares no parameters with it, on the same device, its convolutions with channels last.
    """
    worked_on = deepcopy(backbone).eval()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            copy = _fused(worked_on)
    except Exception:  # a forward with branches on values, and whatever else a foreign backbone does
        copy = deepcopy(backbone).eval()
    give_memory_back(worked_on)
    for parameter in copy.parameters():
        parameter.requires_grad_(False)
    return copy.to(memory_format=torch.channels_last)


def _fused(backbone: nn.Module) -> nn.Module:
    """A backbone by its graph, with memory of its own, and no circle of references left behind where that is easy."""
    tracer = Tracer()
    try:
        traced = GraphModule(backbone, tracer.trace(backbone))
    finally:
        tracer.__dict__.clear()
    fused = fuse(traced, inplace=True, no_trace=True)
    copy = deepcopy(fused)
    for module in (traced, fused, copy):
        module.graph.owning_module = None  # type: ignore[union-attr]
    give_memory_back(fused)
    return copy


def give_memory_back(module: nn.Module) -> None:
    """Empty a module that nobody is going to use.

    torch.fx leaves what it has worked on in circles of references, and some backbones are such circles, which stay
    until Python collects garbage. There is another copy after each epoch, and its memory, a GPU's too, is not to wait.
    """
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.data = tensor.new_empty(0)
