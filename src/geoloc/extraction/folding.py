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
    copy = deepcopy(backbone).eval()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            copy = _fused(copy)
    except Exception:  # a forward with branches on values, and whatever else a foreign backbone does
        copy = deepcopy(backbone).eval()
    for parameter in copy.parameters():
        parameter.requires_grad_(False)
    return copy.to(memory_format=torch.channels_last)


def _fused(copy: nn.Module) -> nn.Module:
    """The module by its graph; nobody but the caller keeps it, nor what it was made of.

    torch.fx leaves both in circles of references until garbage is collected, and many copies would wait for that, on a
    GPU too: there is a new one after each epoch.
    """
    tracer = Tracer()
    traced = GraphModule(copy, tracer.trace(copy))
    found = fuse(traced, inplace=True, no_trace=True)
    tracer.__dict__.clear()
    traced.graph.owning_module = found.graph.owning_module = None  # type: ignore[union-attr]
    return found
