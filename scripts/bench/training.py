"""A training step of four tuples, against the benchmark's way: clusters and triplets in loops, channels first."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from backbone import network
from netvlad import loop
from rounds import in_turn, rows

from geoloc.extraction.parted import rest_of, stem_of
from geoloc.lit.map_file import MapFile
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


def from_maps(net: DescriptorNet, file: MapFile, optimizer: torch.optim.Optimizer, half: bool) -> None:
    """Geoloc's step from stored maps of the frozen layers (`frozen_maps`), which it reads from a file."""
    maps = file.read(list(range(TUPLES * (NEGATIVES + 2))))
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        loss = Triplet()(rest_of(net, "exact")(maps), triplet_rows(TUPLES, NEGATIVES))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def stored(net: DescriptorNet, images: torch.Tensor, path: Path, half: bool) -> MapFile:
    """The maps of these images in a file."""
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=half):
        maps = stem_of(net, "float32")(images)
    file = MapFile(path, len(maps), maps[:1], create=True)
    file.write(list(range(len(maps))), maps)
    return file


def measure(full: bool = False) -> list[dict[str, Any]]:
    """48 images of 240x320; full: of 480x640 too."""
    sizes = ((240, 320), (480, 640))[: 2 if full else 1]
    return [row for size in sizes for row in of_size(size, 3 if full else 2)]


def of_size(size: tuple[int, int], rounds: int) -> list[dict[str, Any]]:
    """The rows of one size of images."""
    images = torch.randint(256, (TUPLES * (NEGATIVES + 2), 3, *size), dtype=torch.uint8)
    nets = [frozen(network(size)) for _ in range(5)]
    nets[1:] = [net.to(memory_format=torch.channels_last) for net in nets[1:]]
    trained = [torch.optim.Adam([p for p in net.parameters() if p.requires_grad], 1e-5) for net in nets]
    with tempfile.TemporaryDirectory() as folder:
        files = [stored(nets[3 + half], images, Path(folder) / f"{half}.npy", half) for half in (False, True)]
        taken = in_turn(
            {
                "baseline": lambda: theirs(nets[0], images, trained[0]),
                "float32": lambda: ours(nets[1], images, trained[1], False),
                "float32, maps": lambda: from_maps(nets[3], files[0], trained[3], False),
                "bf16-mixed": lambda: ours(nets[2], images, trained[2], True),
                "bf16-mixed, maps": lambda: from_maps(nets[4], files[1], trained[4], True),
            },
            rounds,
        )
    notes = {"float32": "frozen batch norm in eval mode", "bf16-mixed": "trainer.precision=bf16-mixed"}
    for half, name in enumerate(("float32", "bf16-mixed")):
        notes[f"{name}, maps"] = f"frozen_maps: {files[half].bytes / 2**20:.2f} MiB an image, read from a file"
    return rows("training step", f"{TUPLES} x {NEGATIVES + 2} images of {size[0]}x{size[1]}", taken, notes)
