"""A backbone compiled by torch.compile for full batches of few sizes: fewer passes over memory between convolutions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import nn

# Pixels of all images from which compiling pays on a CPU: it takes up to half a minute, and saves about 8 ms of an
# image of 480x640. GPUs have their convolutions compiled already, and describe as many images in seconds.
PAYS = 6e9
Compile: TypeAlias = Literal["auto"] | bool


@dataclass(frozen=True)
class Shapes:
    """What a backbone is compiled for.

    Attributes:
        batch: Images of a full batch.
        sizes: (height, width) in pixels; images of other sizes go through the backbone as it is.
    """

    batch: int
    sizes: frozenset[tuple[int, int]]


def shapes(
    asked: Compile, device: torch.device, images: int, batch: int, sizes: Collection[tuple[int, int]]
) -> Shapes | None:
    """What to compile for; None if it does not pay, or is not wanted.

    The number of images decides and no clock, so that the same run always computes the same.

    Args:
        asked: "auto": on CPUs, for many images; True or False: whatever it brings.
        device: Where images are described.
        images: Number of them.
        batch: Images of a full batch.
        sizes: (height, width) in pixels at which each image is shown.
    """
    pixels = images * sum(height * width for height, width in sizes)
    wanted = device.type == "cpu" and pixels >= PAYS if asked == "auto" else asked
    return Shapes(batch, frozenset(sizes)) if wanted else None


class Compiled(nn.Module):
    """A backbone that is compiled for some shapes.

    A smaller batch is filled up, since each shape would be compiled anew. Weights are taken for constants: a backbone
    that learns must not be put in here.

    Args:
        backbone: In eval mode, its weights fixed.
        shapes: See `Shapes`.
    """

    def __init__(self, backbone: nn.Module, shapes: Shapes) -> None:
        super().__init__()
        self.backbone = backbone
        self.shapes = shapes
        self.compiled = torch.compile(backbone, dynamic=False, fullgraph=True, options={"freezing": True})

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(B, 3, H, W) images -> features."""
        missing = self.shapes.batch - len(images)
        if missing < 0 or tuple(images.shape[2:]) not in self.shapes.sizes:
            return self.backbone(images)
        if missing:
            images = F.pad(images, (0, 0, 0, 0, 0, 0, 0, missing)).contiguous(memory_format=torch.channels_last)
        found = self.compiled(images)
        return type(found)(*(None if part is None else part[: self.shapes.batch - missing] for part in found))
