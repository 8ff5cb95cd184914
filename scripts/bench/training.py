"""A training step of four tuples, against the benchmark's way: clusters and triplets in loops, channels first."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from backbone import network
from netvlad import loop
from rounds import in_turn, rows

from geoloc.lit.module import triplet_rows
from geoloc.losses.triplet import Triplet
from geoloc.net import DescriptorNet

TUPLES, NEGATIVES = 4, 10


def frozen(net: DescriptorNet) -> DescriptorNet:
    """Everything before layer3 fixed, as in the benchmark."""
    net.backbone.keep_fixed(  # type: ignore[operator]
        net.backbone.get_submodule(name) for name in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2")
    )
    return net.train()


def theirs(net: DescriptorNet, images: torch.Tensor, optimizer: torch.optim.Optimizer) -> None:
    """Statistics of frozen batch norm in train mode, a loop over clusters, and one over triplets."""
    for part in net.backbone.frozen:  # type: ignore[union-attr]
        part.train()
    vectors = loop(net.aggregator, net.backbone((images.float() - net.mean) / net.std))
    loss = torch.zeros(())
    for query, positive, negative in triplet_rows(TUPLES, NEGATIVES).tolist():
        loss = loss + F.triplet_margin_loss(
            vectors[query : query + 1], vectors[positive : positive + 1], vectors[negative : negative + 1], margin=0.1
        )
    optimizer.zero_grad()
    (loss / (TUPLES * NEGATIVES)).backward()
    optimizer.step()


def ours(net: DescriptorNet, images: torch.Tensor, optimizer: torch.optim.Optimizer, half: bool) -> None:
    """Geoloc's step; with `half` as under trainer.precision=bf16-mixed."""
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        loss = Triplet()(net(images), triplet_rows(TUPLES, NEGATIVES))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def measure(full: bool = False) -> list[dict[str, Any]]:
    """48 images of 240x320; full: of 480x640 too."""
    sizes = ((240, 320), (480, 640))[: 2 if full else 1]
    return [row for size in sizes for row in of_size(size, 3 if full else 2)]


def of_size(size: tuple[int, int], rounds: int) -> list[dict[str, Any]]:
    """The rows of one size of images."""
    images = torch.randint(256, (TUPLES * (NEGATIVES + 2), 3, *size), dtype=torch.uint8)
    nets = [frozen(network(size)) for _ in range(3)]
    nets[1:] = [net.to(memory_format=torch.channels_last) for net in nets[1:]]
    trained = [torch.optim.Adam([p for p in net.parameters() if p.requires_grad], 1e-5) for net in nets]
    taken = in_turn(
        {
            "baseline": lambda: theirs(nets[0], images, trained[0]),
            "float32": lambda: ours(nets[1], images, trained[1], False),
            "bf16-mixed": lambda: ours(nets[2], images, trained[2], True),
        },
        rounds,
    )
    notes = {"float32": "frozen batch norm in eval mode", "bf16-mixed": "trainer.precision=bf16-mixed"}
    return rows("training step", f"{TUPLES} x {NEGATIVES + 2} images of {size[0]}x{size[1]}", taken, notes)
