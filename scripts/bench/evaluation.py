"""A whole evaluation, from JPEG files to recall, against the benchmark's way of doing the same."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
from backbone import network
from items import NORMALISED, photos
from netvlad import loop
from PIL import Image
from rounds import in_turn, rows
from torch.utils.data import DataLoader, Dataset

from geoloc.data.batches import photo_batch
from geoloc.data.datasets import Images
from geoloc.evaluate.recall import hits_at_n
from geoloc.extraction.describer import Describer
from geoloc.extraction.precision import fastest
from geoloc.index.exact import Exact
from geoloc.net import DescriptorNet
from geoloc.places import from_lists

BATCH, WORKERS, NS = 16, 2, (1, 5, 10, 20)


class Floats(Dataset):
    """Photos as the benchmark loads them: normalised float32."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """((3, H, W) float32, row)."""
        with Image.open(self.paths[index]) as image:
            return NORMALISED(image.convert("RGB")), index


def theirs(net: DescriptorNet, paths: list[Path], size: int, right: np.ndarray) -> np.ndarray:
    """Eager float32, clusters in a loop, descriptors in an array and again in an index, recall in loops."""
    vectors = np.empty((len(paths), net.out_dim), np.float32)
    with torch.inference_mode():
        for images, indices in DataLoader(Floats(paths), BATCH, num_workers=WORKERS):
            vectors[indices.numpy()] = loop(net.aggregator, net.backbone(images)).numpy()
    index = faiss.IndexFlatL2(net.out_dim)
    index.add(vectors[:size])
    found = index.search(vectors[size:], NS[-1])[1]
    return np.array([sum(right[row] in found[row, :n] for row in range(len(found))) for n in NS])


def ours(net: DescriptorNet, paths: list[Path], size: int, right: np.ndarray, way: str) -> np.ndarray:
    """Geoloc's path in a precision."""
    vectors = np.empty((len(paths), net.out_dim), np.float32)
    describe = Describer(way)  # type: ignore[arg-type]
    describe.take(net)
    loader = DataLoader(Images(paths, net.image_size), BATCH, num_workers=WORKERS, collate_fn=photo_batch)
    with torch.inference_mode():
        for images, indices in loader:
            vectors[indices.numpy()] = describe(images).numpy()
    found = Exact().search(vectors[:size], vectors[size:], NS[-1]).ids
    return hits_at_n(found, from_lists([np.array([row]) for row in right]), NS).sum(axis=0)


def measure(full: bool = False) -> list[dict[str, Any]]:
    """200 database images and 50 queries of 640x480 (a fifth of both unless full); random weights."""
    size, asked = (200, 50) if full else (40, 10)
    net = network((480, 640))
    with tempfile.TemporaryDirectory() as folder:
        paths = photos(Path(folder), (480, 640), size + asked)
        right = np.random.default_rng(0).integers(size, size=asked)
        for query, row in zip(paths[size:], right, strict=True):  # a query is a darker, shifted copy of its place
            with Image.open(paths[row]) as image:
                shifted = np.roll(np.asarray(image), 9, axis=1)
            Image.fromarray((0.8 * shifted).astype(np.uint8)).save(query, quality=90)
        ways = ["float32", "bfloat16"] if fastest(torch.device("cpu")) == "bfloat16" else ["float32"]
        counts = {way: ours(net, paths, size, right, way) for way in ways}
        base = theirs(net, paths, size, right)
        calls = {"baseline": lambda: theirs(net, paths, size, right)} | {
            way: lambda way=way: ours(net, paths, size, right, way) for way in ways
        }
        taken = in_turn(calls, 3 if full else 2)
    notes = {way: f"right within {NS}: {counts[way].tolist()}, baseline {base.tolist()}" for way in ways}
    return rows("evaluation", f"{size} + {asked} images of 480x640, {WORKERS} workers", taken, notes)
