"""What a network costs: parameters, bytes, floating-point operations, descriptor size."""

from __future__ import annotations

import torch
from torch import nn

from geoloc.modes import eval_mode


def count_parameters(net: nn.Module) -> tuple[int, int]:
    """(all, trainable) numbers of parameters."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in net.parameters()]
    return sum(size for size, _ in sizes), sum(size for size, trainable in sizes if trainable)


def size_mb(net: nn.Module) -> float:
    """Size of parameters and buffers in MB (10^6 bytes)."""
    tensors = [*net.parameters(), *net.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors) / 1e6


def count_flops(net: nn.Module, image_size: tuple[int, int]) -> int:
    """Floating-point operations of one image, 2 for each multiply-add (many tables print multiply-adds, half of this).

    Counts matrix products and convolutions. The net is run once on a black image.
    """
    from torch.utils.flop_counter import FlopCounterMode

    device = next(net.parameters()).device
    counter = FlopCounterMode(display=False)
    with eval_mode(net), torch.no_grad(), counter:
        net(torch.zeros(1, 3, *image_size, dtype=torch.uint8, device=device))
    return counter.get_total_flops()
