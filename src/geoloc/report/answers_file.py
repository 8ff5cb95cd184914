"""predictions/<domain>.answers.csv: where each query was located, how sure that is, and how far off it was."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geoloc.data.domains import Domain
from geoloc.errors import InputError
from geoloc.localization import Located
from geoloc.report.places import degrees_of

COLUMNS = (
    "query",
    "east",
    "north",
    "lat",
    "lon",
    "confidence",
    "expected_error",
    "support",
    "spread",
    "meters",
    "right",
)


@dataclass(frozen=True)
class AnswersFile:
    """What the report needs of such a file.

    Attributes:
        confidence: (Q,) float64 in 0..1; NaN where there was no calibration.
        meters: (Q,) float64 from the located position to where the query was taken.
        right: (Q,) bool.
    """

    confidence: np.ndarray
    meters: np.ndarray
    right: np.ndarray


def write_answers(path: Path, domain: Domain, located: Located) -> None:
    """Write one line a query, in their order.

    East and north are in the domain's frame, and empty where that is several UTM zones; degrees are empty where they
    are not known; confidence and expected error (metres) where there was no calibration.

    Args:
        path: Of the file; its folder is made.
        domain: Whose queries they are.
        located: Their positions.
    """
    votes = located.votes
    latlon = degrees_of(domain, votes.xy)
    flat = votes.xy if votes.xy.shape[1] == 2 else np.full((len(latlon), 2), np.nan)
    unknown = np.full(len(latlon), np.nan)
    confidence = unknown if located.confidence is None else located.confidence
    expected = unknown if located.expected is None else located.expected
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row, name in enumerate(domain.queries.names.tolist()):
            metres = (_number(value, 2) for value in flat[row])
            degrees = (_number(value, 7) for value in latlon[row])
            sure = _number(confidence[row], 6), _number(expected[row], 2)
            vote = _number(votes.support[row], 4), _number(votes.spread[row], 2)
            off = _number(located.errors[row], 2), int(located.right[row])
            writer.writerow((name, *metres, *degrees, *sure, *vote, *off))


def read_answers(path: Path) -> AnswersFile | None:
    """Read what `write_answers` has written.

    Returns:
        None if there is no such file, as in older runs.

    Raises:
        InputError: It is another file.
    """
    if not path.is_file():
        return None
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if not {"confidence", "meters", "right"} <= set(reader.fieldnames or ()):
            raise InputError(f"{path}: must have the columns confidence, meters and right")
        rows = [(float(row["confidence"] or "nan"), float(row["meters"]), row["right"] == "1") for row in reader]
    values = np.array(rows, np.float64).reshape(-1, 3)
    return AnswersFile(values[:, 0], values[:, 1], values[:, 2] == 1)


def _number(value: float, digits: int) -> str:
    """A number with so many digits after the point; empty for NaN."""
    return "" if np.isnan(value) else f"{value:.{digits}f}"
