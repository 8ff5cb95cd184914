"""Whole photos of any size through a generator that takes certain sizes only."""

from __future__ import annotations

import torch
from torchvision.transforms.v2 import functional as tf

from geoloc.errors import InputError
from geoloc.translate.generators import SAFE_MULTIPLE, Generator, Size


def translate_frame(generator: Generator, frame: torch.Tensor, size: Size | None = None) -> torch.Tensor:
    """Translate whole frames; nothing is cut off, and they keep their size.

    A fully convolutional generator gets the frame at full size, padded on all sides by reflection to the next multiple
    that it needs (of 256 if its file does not tell); the padding is cut off its answer. Two cases work at another size
    and lose the detail that it cannot hold: with `size`, and for a torch.export or ONNX file that was made for one size
    alone. There the frame is resized (bilinear, antialiased, aspect ratio ignored) to that size and the answer back.
    The published U-Nets were trained on pictures that their deepest level saw as one cell; on larger frames they may
    draw a lattice of such cells, and then `size` as in their training (256 x 256) is the better choice.
    TorchScript does not tell whether its size is fixed: if it is, name it as `size`, which is then fed as it is.

    Args:
        generator: See `load_generator`.
        frame: (3, H, W) or (B, 3, H, W) uint8.
        size: (height, width) in pixels to work at; by default that of the frame, or the only one the generator takes.

    Returns:
        uint8 of the shape of `frame`.

    Raises:
        InputError: The generator takes only another size than `size`.
    """
    if generator.size is not None and size not in (None, generator.size):
        raise InputError(f"{generator.name}: takes {_text(generator.size)} pixels alone, not size {_text(size)}")
    work = generator.size or size
    images = frame if frame.ndim == 4 else frame[None]
    small = images if work is None else tf.resize(images, list(work), antialias=True)
    height, width = small.shape[-2:]
    step = generator.multiple or (SAFE_MULTIPLE if work is None else 1)
    rows, columns = reflected(height, -height % step), reflected(width, -width % step)
    answer = generator(small[..., rows[:, None], columns].float() / 127.5 - 1)
    top, left = (-height % step) // 2, (-width % step) // 2
    night = (answer[..., top : top + height, left : left + width] + 1) * 127.5
    if work is not None:
        night = tf.resize(night, list(images.shape[-2:]), antialias=True)
    return night.round().clamp(0, 255).to(torch.uint8).reshape(frame.shape)


def reflected(length: int, padding: int) -> torch.Tensor:
    """Which row stands where after reflection at both ends, over and over for paddings longer than the picture.

    Args:
        length: Rows of the picture.
        padding: Rows to add, half of them (rounded down) before the first.

    Returns:
        (length + padding,) int64 rows of the picture.

    Example:
        >>> reflected(3, 5).tolist()
        [2, 1, 0, 1, 2, 1, 0, 1]
    """
    if length == 1:
        return torch.zeros(1 + padding, dtype=torch.int64)
    place = torch.arange(length + padding) - padding // 2
    around = place % (2 * (length - 1))
    return torch.minimum(around, 2 * (length - 1) - around)


def _text(size: Size | None) -> str:
    return "none" if size is None else f"{size[0]}x{size[1]}"
