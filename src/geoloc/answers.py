"""Where photos were taken: coordinates, how sure they are, and the database images that they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geoloc.predictions import Predictions


@dataclass(frozen=True)
class Answers:
    """Answers to Q photos, row by row.

    Attributes:
        names: What the photos are called.
        xy: (Q, A) float64 metres, in the frame of the database.
        latlon: (Q, 2) float64 degrees; NaN where positions are local or their zone is not known.
        utm: (Q, 2) float64 metres, easting and northing in `zones`; of local positions those of their frame.
        zones: (Q,) str UTM zones such as "17 north"; empty where not known.
        support: (Q,) float64, share of the weight of the candidates that lies around the answer.
        spread: (Q,) float64 metres, how far those lie from it.
        confidence: (Q,) float64 from 0 to 1, that the answer is right; NaN without a calibration.
        expected_error: (Q,) float64 metres; NaN without a calibration.
        known: (Q,) bool; False: the photo's place is not known, for its confidence is below the threshold. True for
            all without a calibration.
        predictions: The candidates, in their final order.
        threshold: Confidence from which an answer counts as known; None without a calibration, or where no confidence
            is high enough.

    Raises:
        ValueError: The rows do not agree.
    """

    names: Sequence[str]
    xy: np.ndarray
    latlon: np.ndarray
    utm: np.ndarray
    zones: np.ndarray
    support: np.ndarray
    spread: np.ndarray
    confidence: np.ndarray
    expected_error: np.ndarray
    known: np.ndarray
    predictions: Predictions
    threshold: float | None = None

    def __post_init__(self) -> None:
        columns = {name: len(value) for name, value in vars(self).items() if name != "threshold"}
        wrong = [f"{number} {name}" for name, number in columns.items() if number != len(self.names)]
        if wrong:
            raise ValueError(f"{len(self.names)} photos, but {', '.join(wrong)}")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def calibrated(self) -> bool:
        """Whether there are confidences."""
        return bool(np.isfinite(self.confidence).any())
