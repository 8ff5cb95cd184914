"""Stochastic attraction-repulsion embedding, every negative for itself.

Liu, Li and Dai, Stochastic Attraction-Repulsion Embedding for Large Scale Image Localization, ICCV 2019.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class SareInd(nn.Module):
    """Mean over all triplets of -log(exp(-d(q, p)) / (exp(-d(q, p)) + exp(-d(q, n)))), d the squared L2 distance."""

    def forward(self, descriptors: torch.Tensor, triplets: torch.Tensor) -> torch.Tensor:
        """Scalar loss.

        Args:
            descriptors: (B, D).
            triplets: (T, 3) int64 rows of `descriptors`: query, positive, negative.
        """
        query, positive, negative = descriptors[triplets].unbind(1)  # 3 x (T, D)
        attraction = (query - positive).square().sum(dim=1)
        repulsion = (query - negative).square().sum(dim=1)
        return F.softplus(attraction - repulsion).mean()
