"""A round of mining describes images: as the benchmark does it, as a whole, and from stored maps of frozen layers."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import torch
from backbone import network
from evaluation import BATCH, WORKERS, Floats
from items import photos
from netvlad import loop
from rounds import in_turn, rows
from torch.utils.data import DataLoader
from training import frozen

from geoloc.data.batches import photo_batch
from geoloc.data.datasets import Images
from geoloc.extraction.fast import lowest_cosine, twin
from geoloc.extraction.parted import rest_of, stem_of
from geoloc.extraction.precision import fastest
from geoloc.lit.map_file import MapFile
from geoloc.net import DescriptorNet


def theirs(net: DescriptorNet, paths: list[Path]) -> torch.Tensor:
    """Pillow, eager float32, clusters in a loop."""
    loader = DataLoader(Floats(paths), BATCH, num_workers=WORKERS)
    return torch.cat([loop(net.aggregator, net.backbone(images)) for images, _ in loader])


def whole(net: DescriptorNet, paths: list[Path]) -> torch.Tensor:
    """A twin of the network, from the files."""
    loader = DataLoader(Images(paths, net.image_size), BATCH, num_workers=WORKERS, collate_fn=photo_batch)
    return torch.cat([net(images) for images, _ in loader])


def stored(net: DescriptorNet, file: MapFile, count: int, way: str) -> torch.Tensor:
    """From stored maps; the trained layers are folded anew, as in each round."""
    rest = rest_of(net, way)
    return torch.cat([rest(file.read(list(range(i, min(i + BATCH, count))))) for i in range(0, count, BATCH)])


def measure(full: bool = False) -> list[dict[str, Any]]:
    """32 images of 480x640; full: 192."""
    count, size = 192 if full else 32, (480, 640)
    net = frozen(network(size)).eval()
    ways = ("float32", "bfloat16") if fastest(torch.device("cpu")) == "bfloat16" else ("float32",)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        paths = photos(Path(folder), size, count)
        calls: dict[str, Any] = {"baseline": partial(theirs, net, paths)}
        notes = {}
        for way in ways:
            stem, twins = stem_of(net, way), twin(net, way)
            images = Images(paths, size)
            maps = [stem(images[row][0][None]) for row in range(count)]
            file = MapFile(Path(folder) / f"{way}.npy", count, maps[0], create=True)
            file.write(list(range(count)), torch.cat(maps))
            calls[way] = partial(whole, twins, paths)
            calls[f"{way}, maps"] = partial(stored, net, file, count, way)
            cosine = lowest_cosine(calls[way](), calls[f"{way}, maps"]())
            notes[f"{way}, maps"] = (
                f"{file.bytes / 2**20:.2f} MiB an image; lowest cosine to the row above {cosine:.7f}"
            )
        taken = in_turn(calls, 3 if full else 2)
    return rows("mining: describing", f"{count} images of 480x640, {WORKERS} workers", taken, notes)
