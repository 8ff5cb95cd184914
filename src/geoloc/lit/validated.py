"""What the best validation has found, so that a calibration need not have the val domains described once more."""

from __future__ import annotations

from geoloc.net import DescriptorNet
from geoloc.result import Result


class Validated:
    """Results of the validation of the highest recall, and of which weights they are."""

    def __init__(self) -> None:
        self.best = -1.0
        self.model = ""
        self.results: list[Result] = []

    def keep(self, recall: float, net: DescriptorNet, results: list[Result]) -> None:
        """Keep the results if the recall is higher than any before; of equal ones the first, as its checkpoint is."""
        if recall > self.best:
            self.best, self.model, self.results = recall, net.digest(), results

    def of(self, model: str) -> list[Result]:
        """The results of this network, by its hash; none if its validation was in a run that was killed, say."""
        return self.results if model == self.model else []
