"""Stochastic attraction-repulsion embedding, all negatives of a query together.

Liu, Li and Dai, Stochastic Attraction-Repulsion Embedding for Large Scale Image Localization, ICCV 2019.
"""

from __future__ import annotations

import torch
from torch import nn


class SareJoint(nn.Module):
    """Sum over queries of -log(exp(-d(q, p)) / (exp(-d(q, p)) + sum_n exp(-d(q, n)))), by the number of triplets.

    d is the squared L2 distance. The benchmark divides by the number of triplets and not of queries, and so does this.
    """

    def forward(self, descriptors: torch.Tensor, triplets: torch.Tensor) -> torch.Tensor:
        """Scalar loss.

        Args:
            descriptors: (B, D).
            triplets: (T, 3) int64 rows of `descriptors`: query, positive, negative; those of one query and positive
                belong together, however many they are.
        """
        pairs, group = triplets[:, :2].unique(dim=0, return_inverse=True)  # (G, 2), (T,)
        query, positive = descriptors[pairs].unbind(1)
        attraction = (query - positive).square().sum(dim=1)  # (G,)
        repulsion = (descriptors[triplets[:, 0]] - descriptors[triplets[:, 2]]).square().sum(dim=1)  # (T,)
        # exp of at most 0 after the largest of each group is taken away: (G,) sums without overflow.
        top = torch.scatter_reduce(-attraction.detach(), 0, group, -repulsion.detach(), "amax")
        total = (-attraction - top).exp().index_add(0, group, (-repulsion - top[group]).exp())
        return (attraction + top + total.log()).sum() / len(triplets)
