"""Triplet margin loss.

Arandjelovic et al. (NetVLAD, CVPR 2016) use squared distances with a margin of 0.1; Berton et al. (CVPR 2022) use the
same margin on plain distances. The two differ; both are here under their own names.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn


class Triplet(nn.Module):
    """mean(max(0, d(query, positive) - d(query, negative) + margin)) over all triplets.

    Args:
        margin: In units of the distance; unit-length descriptors lie at most 2 (squared: 4) apart.
        distance: "euclidean" (the CVPR 2022 benchmark) or "squared_euclidean" (the NetVLAD paper).

    Attributes:
        active: Share of the last call's triplets that violated the margin and so gave a gradient.
    """

    def __init__(self, margin: float = 0.1, distance: Literal["euclidean", "squared_euclidean"] = "euclidean") -> None:
        super().__init__()
        if margin <= 0:
            raise ValueError(f"margin must be above 0, not {margin}")
        self.margin = margin
        self.active = torch.tensor(0.0)
        self.squared = distance == "squared_euclidean"

    def forward(self, descriptors: torch.Tensor, triplets: torch.Tensor) -> torch.Tensor:
        """Scalar loss.

        Args:
            descriptors: (B, D).
            triplets: (T, 3) int64 rows of `descriptors`: query, positive, negative.
        """
        query, positive, negative = descriptors[triplets].unbind(1)  # 3 x (T, D)
        violation = torch.relu(self._distance(query, positive) - self._distance(query, negative) + self.margin)
        self.active = (violation.detach() > 0).float().mean()
        return violation.mean()

    def _distance(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        square = (a - b).square().sum(dim=1)
        # The root's slope is infinite at 0, where two images have the same descriptor.
        return square if self.squared else square.clamp_min(1e-12).sqrt()
