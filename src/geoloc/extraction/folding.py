"""Batch norm folded into the convolution before it: in eval mode both are one linear map, so one of them can go."""

from __future__ import annotations

import warnings
from copy import deepcopy

import torch
from torch import nn
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
            copy = fuse(copy)
            # A graph that knows its module keeps it until garbage is collected: many copies of a backbone would wait
            # for that, on a GPU too, since there is a new one after each epoch.
            copy.graph.owning_module = None
    except Exception:  # a forward with branches on values, and whatever else a foreign backbone does
        copy = deepcopy(backbone).eval()
    for parameter in copy.parameters():
        parameter.requires_grad_(False)
    return copy.to(memory_format=torch.channels_last)
