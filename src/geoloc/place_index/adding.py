"""What is added to an index: which photos are new, and their descriptors block by block."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch

from geoloc.describing import described
from geoloc.errors import InputError
from geoloc.extraction.describer import Describer
from geoloc.frames import check_zones
from geoloc.net import DescriptorNet
from geoloc.place_index.agreement import check_frame, examples
from geoloc.place_index.contents import Contents
from geoloc.place_index.records import Records, records_of
from geoloc.place_index.segment import Segment
from geoloc.places import PlaceSet

log = logging.getLogger(__name__)
Same: TypeAlias = Literal["refuse", "skip", "replace"]
# What becomes a segment: bytes of descriptors, and photos, at most; those of an interruption are lost.
BLOCK, PHOTOS = 2**28, 4096


def new_records(contents: Contents, places: PlaceSet, prefix: str, same: Same) -> tuple[Records, set[str]]:
    """Records of the photos that are to be described, and ids of those that they replace.

    Args:
        contents: Of the index.
        places: The photos.
        prefix: Put before each photo's name to make its id.
        same: See `Index.add`.

    Raises:
        InputError: An id is there already, or positions cannot be put beside those of the index.
    """
    if same not in ("refuse", "skip", "replace"):
        raise InputError(f"same={same!r}: must be refuse, skip or replace")
    check_frame(contents, places)
    records = records_of(places, prefix)
    again = contents.ids.intersection(records.ids.tolist())
    if again and same == "refuse":
        raise InputError(
            f"{places.root}: {len(again)} of {len(records)} photos have an id that {contents.where} holds already"
            f" ({examples(sorted(again))}); same='skip' leaves those out, same='replace' describes them anew, and a"
            " prefix gives these other ids"
        )
    if again and same == "skip":
        log.info("%s: %d photos are in the index already and are not described again", places.root, len(again))
        records, again = records.select(np.flatnonzero([each not in again for each in records.ids])), set()
    if contents.coordinates == "utm":
        check_zones(np.concatenate([contents.records.zones, records.zones]).astype(str), places.root)
    known = set(contents.records.paths.tolist())
    twice = [path for path, own in zip(records.paths, records.ids, strict=True) if path in known and own not in again]
    if twice:
        log.warning("%d photos are in the index under another id as well (%s)", len(twice), examples(twice))
    return records, again


def segments_of(
    net: DescriptorNet,
    records: Records,
    dtype: str,
    describer: Describer,
    device: str | torch.device | None,
    batch_size: int | None,
    workers: int | None,
) -> Iterator[Segment]:
    """The photos of some records with their descriptors, so many at once as fit into 256 MB, at most 4,096.

    Raises:
        InputError: A photo cannot be read, or its descriptor is not finite.
    """
    step = min(PHOTOS, max(1, BLOCK // (net.out_dim * np.dtype(dtype).itemsize)))
    block = np.empty((min(step, len(records)), net.out_dim), dtype)
    start = filled = 0
    paths = [Path(path) for path in records.paths]
    for vectors in described(net, paths, describer, device, batch_size, workers, "describing the database"):
        if not np.isfinite(vectors).all():
            row = start + filled + int((~np.isfinite(vectors).all(axis=1)).argmax())
            raise InputError(f"{paths[row]}: its descriptor is not finite; the network has diverged")
        while len(vectors):
            fitting = vectors[: len(block) - filled]
            block[filled : filled + len(fitting)] = fitting
            filled, vectors = filled + len(fitting), vectors[len(fitting) :]
            if filled == len(block):
                yield Segment(block, records.select(np.arange(start, start + filled)), describer.facts())
                start, filled = start + filled, 0
                block = np.empty((min(step, len(records) - start), net.out_dim), dtype)
