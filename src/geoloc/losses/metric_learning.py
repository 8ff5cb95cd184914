"""Any pair or triplet loss of pytorch-metric-learning.

Musgrave, Belongie and Lim, PyTorch Metric Learning, 2020 (MIT). Its losses take the mined triplets as they are.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


class MetricLearning(nn.Module):
    """Hands mined triplets to a loss of pytorch-metric-learning.

    Args:
        loss: The loss, such as `pytorch_metric_learning.losses.TripletMarginLoss`. Many of these average over the
            triplets that violate the margin only, unless their `reducer` says otherwise.
    """

    def __init__(self, loss: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, descriptors: torch.Tensor, triplets: torch.Tensor) -> torch.Tensor:
        """Scalar loss.

        Args:
            descriptors: (B, D).
            triplets: (T, 3) int64 rows of `descriptors`: query, positive, negative.
        """
        query, positive, negative = triplets.unbind(1)
        return self.loss(descriptors, indices_tuple=(query, positive, negative))
