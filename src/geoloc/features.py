"""What every backbone returns and every aggregator receives."""

from typing import NamedTuple

import torch


class Features(NamedTuple):
    """Output of a backbone.

    Attributes:
        map: (B, C, h, w) local features, one C-vector for each cell of an h x w grid over the image.
        cls: (B, C) class token of a transformer; None for a CNN.
    """

    map: torch.Tensor
    cls: torch.Tensor | None = None
