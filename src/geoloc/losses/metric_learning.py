"""Any pair or triplet loss of pytorch-metric-learning.

Musgrave, Belongie and Lim, PyTorch Metric Learning, 2020 (MIT). Its losses take the mined triplets as they are.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from geoloc.errors import InputError


class MetricLearning(nn.Module):
    """Hands mined triplets to a loss of pytorch-metric-learning.

    Args:
        loss: The loss, such as `pytorch_metric_learning.losses.TripletMarginLoss`. Many of these average over the
            triplets that violate the margin only, unless their `reducer` says otherwise.

    Raises:
        InputError: The loss has parameters of its own, such as a centre for each class; places are not classes here.
    """

    def __init__(self, loss: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        if isinstance(loss, nn.Module) and any(True for _ in loss.parameters()):
            raise InputError(
                f"{type(loss).__name__} has parameters of its own, which nothing trains; use a loss of pairs or"
                " triplets"
            )
        self.loss = loss

    def forward(self, descriptors: torch.Tensor, triplets: torch.Tensor) -> torch.Tensor:
        """Scalar loss.

        Args:
            descriptors: (B, D).
            triplets: (T, 3) int64 rows of `descriptors`: query, positive, negative.
        """
        query, positive, negative = triplets.unbind(1)
        return self.loss(descriptors, indices_tuple=(query, positive, negative))
