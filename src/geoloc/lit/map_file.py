"""Maps of images in a file, each at its place. It is read and written in parts, so none of it stays in memory."""

from __future__ import annotations

from pathlib import Path

import torch

from geoloc.lit.store import allocate


class MapFile:
    """S places for maps of one shape; all processes must see the file.

    Args:
        path: Of the file.
        places: S.
        sample: (1, c, h, w) maps of one image, float32 or bfloat16: shape and type of all.
        create: True in the process that makes the file, False in those that open it afterwards.

    Raises:
        InputError: The disk is too small.
    """

    def __init__(self, path: Path, places: int, sample: torch.Tensor, create: bool) -> None:
        _, c, h, w = sample.shape
        self.shape, self.dtype = (h, w, c), sample.dtype
        self.bytes = bytes_of(sample)
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
            allocate(path, "uint8", (places, self.bytes), "maps")
        self.path = path
        self.start = path.stat().st_size - places * self.bytes  # after numpy's header
        self.file = path.open("r+b", buffering=0)

    def write(self, places: list[int], maps: torch.Tensor) -> None:
        """Write (B, c, h, w) maps to B places."""
        rows = maps.movedim(1, -1).to("cpu", self.dtype).contiguous().view(torch.uint8).numpy()
        for place, row in zip(places, rows, strict=True):
            self.file.seek(self.start + place * self.bytes)
            self.file.write(row)

    def read(self, places: list[int]) -> torch.Tensor:
        """(B, c, h, w) maps at B places, channels last; of places below 0 the values are anything."""
        maps = torch.empty(len(places), *self.shape, dtype=self.dtype)
        for place, row in zip(places, maps.view(torch.uint8).numpy(), strict=True):
            if place >= 0:
                self.file.seek(self.start + place * self.bytes)
                if self.file.readinto(row) != self.bytes:
                    raise RuntimeError(f"{self.path}: cut short while it was in use")
        return maps.movedim(-1, 1)


def bytes_of(sample: torch.Tensor) -> int:
    """Bytes of the maps of an image."""
    return sample.numel() * sample.element_size()
