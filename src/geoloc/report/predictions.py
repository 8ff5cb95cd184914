"""predictions/<domain>.csv: what was found for each query, in the final order."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from geoloc.data.domains import Domain
from geoloc.predictions import Predictions

COLUMNS = ("query", "rank", "database", "distance", "meters", "correct", "condition")


def write_predictions(path: Path, domain: Domain, predictions: Predictions, correct: np.ndarray) -> None:
    """Write one line a prediction.

    Relative paths, rank from 1, L2 distance of descriptors, metres, 1 if correct, the query's condition (or nothing).

    Args:
        path: Of the file; its folder is made.
        domain: Whose queries they are.
        predictions: Of all its queries.
        correct: (Q, k) bool.
    """
    conditions = domain.queries.conditions
    assert conditions is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    meters = np.linalg.norm(domain.queries.xy[:, None] - domain.database.xy[predictions.ids], axis=2)  # (Q, k)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for query in range(len(predictions)):
            for rank, row in enumerate(predictions.ids[query]):
                writer.writerow(
                    (
                        domain.queries.names[query],
                        rank + 1,
                        domain.database.names[row],
                        f"{predictions.distances[query, rank]:.6f}",
                        f"{meters[query, rank]:.2f}",
                        int(correct[query, rank]),
                        conditions[query],
                    )
                )
