"""predictions/<domain>.csv: what was found for each query, in the final order; <domain>.raw.csv: before any step."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from geoloc.data.domains import Domain
from geoloc.errors import InputError
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


def read_predictions(path: Path, domain: Domain) -> Predictions:
    """Read what `write_predictions` has written.

    Args:
        path: Of the file.
        domain: Whose queries they are.

    Raises:
        InputError: The file is missing, or not of this domain.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; a run that has judged {domain.name} holds it")
    rows = {str(name): row for row, name in enumerate(domain.database.names)}
    found: dict[str, list[tuple[int, float]]] = {str(name): [] for name in domain.queries.names}
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if not set(COLUMNS[:4]) <= set(reader.fieldnames or ()):
            raise InputError(f"{path}: has no columns {', '.join(COLUMNS[:4])}")
        for line, each in enumerate(reader, 2):
            query, row = each["query"], rows.get(each["database"])
            if query not in found or row is None or int(each["rank"]) != len(found[query]) + 1:
                raise InputError(f"{path}: line {line} does not belong to the photos of {domain.name}")
            found[query].append((row, float(each["distance"])))
    lengths = {len(each) for each in found.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise InputError(f"{path}: must hold equally many predictions for each of the {len(found)} queries")
    values = np.array(list(found.values()), np.float64)  # (Q, k, 2)
    return Predictions(values[..., 0].astype(np.int64), values[..., 1].astype(np.float32), len(rows))


def first_right(path: Path) -> dict[str, int]:
    """Query -> rank of its first correct prediction, 0 if none is correct.

    Args:
        path: Of a file that `write_predictions` has written.

    Raises:
        InputError: The file is missing or is another one.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; a run that has judged {path.stem} holds it")
    found: dict[str, int] = {}
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if not {"query", "rank", "correct"} <= set(reader.fieldnames or ()):
            raise InputError(f"{path}: has no columns query, rank and correct")
        for line, row in enumerate(reader, 2):
            if row["correct"] not in ("0", "1") or not (row["rank"] or "").isdecimal():
                raise InputError(f"{path}: line {line} has no rank, or is neither correct (1) nor wrong (0)")
            rank = int(row["rank"]) if row["correct"] == "1" else 0
            known = found.setdefault(row["query"], rank)
            found[row["query"]] = min(known, rank) if known and rank else known or rank
    return found
