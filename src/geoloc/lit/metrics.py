"""Recall@N as a metric whose sums are added up over processes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torchmetrics import Metric


class RecallAtN(Metric):
    """Share of queries with a positive among their first N predictions, over the queries of all processes.

    Args:
        ns: Recall values.

    Example:
        >>> metric = RecallAtN([1, 5])
        >>> metric.update(torch.tensor([[False, True], [True, True], [False, False]]), answerable=2)
        >>> {name: value.tolist() for name, value in metric.compute().items()}
        {'right': [1, 2], 'queries': 3, 'answerable': 2}
    """

    right: torch.Tensor
    queries: torch.Tensor
    answerable: torch.Tensor

    def __init__(self, ns: Sequence[int]) -> None:
        super().__init__()
        self.ns = list(ns)
        self.add_state("right", torch.zeros(len(self.ns), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("queries", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("answerable", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, hits: torch.Tensor, answerable: int) -> None:
        """Add queries.

        Args:
            hits: (Q, len(ns)) bool, right within N.
            answerable: How many of them have a positive.
        """
        self.right += hits.sum(dim=0).to(self.right.device)
        self.queries += len(hits)
        self.answerable += answerable

    def compute(self) -> dict[str, torch.Tensor]:
        """Counts over all processes: `right` (len(ns),), `queries`, `answerable`; recall is right / queries."""
        return {"right": self.right, "queries": self.queries, "answerable": self.answerable}
