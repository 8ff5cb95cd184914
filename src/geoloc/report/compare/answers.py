"""What a run answered to each query of a domain, from predictions/<domain>.csv alone."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

from geoloc.errors import InputError

TOP = 3  # predictions that are kept of each query, for the pictures
NEEDED = ("query", "rank", "database", "meters", "correct")


@dataclass(frozen=True)
class Prediction:
    """One photo that was found: its relative path, metres to the query, and whether it is correct."""

    photo: str
    meters: float
    correct: bool


@dataclass
class Answer:
    """What was found for a query.

    Attributes:
        condition: Of the query; empty if unknown.
        rank: Of the first correct prediction; 0 if none of those saved is correct.
        top: The first `TOP` predictions, best first.
    """

    condition: str = ""
    rank: int = 0
    top: list[Prediction] = field(default_factory=list)


def read_answers(path: Path) -> dict[str, Answer]:
    """Query -> what was found for it, in the order of the file.

    Args:
        path: Of a file that `report.predictions.write_predictions` has written.

    Raises:
        InputError: The file is missing or is another one.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; a run that has judged {path.stem} holds it")
    found: dict[str, Answer] = {}
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if not set(NEEDED) <= set(reader.fieldnames or ()):
            raise InputError(f"{path}: has no columns {', '.join(NEEDED[:-1])} and {NEEDED[-1]}")
        for line, row in enumerate(reader, 2):
            _note(row, found.setdefault(row["query"], Answer(row.get("condition") or "")), f"{path}: line {line}")
    for query, answer in found.items():
        if not answer.top:
            raise InputError(f"{path}: {query} has no first prediction")
    return found


def _note(row: dict[str, str], answer: Answer, where: str) -> None:
    """Add a line of the file to the answer to its query."""
    if row["correct"] not in ("0", "1") or not (row["rank"] or "").isdecimal():
        raise InputError(f"{where} has no rank, or is neither correct (1) nor wrong (0)")
    rank, right = int(row["rank"]), row["correct"] == "1"
    if right and (answer.rank == 0 or rank < answer.rank):
        answer.rank = rank
    if rank > TOP:
        return
    if rank != len(answer.top) + 1:
        raise InputError(f"{where}: prediction {len(answer.top) + 1} of its query is missing")
    try:
        answer.top.append(Prediction(row["database"], float(row["meters"]), right))
    except ValueError:
        raise InputError(f"{where}: meters must be a number, not {row['meters']!r}") from None
