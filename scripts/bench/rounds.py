"""What the benchmarks share: the ways of doing a job in turn, and their times as a row."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any


def in_turn(ways: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each way in each round; all take turns, so that a busy machine is busy for all. One round warms up."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if number:
                taken[name].append(time.perf_counter() - start)
    return taken


def rows(
    stage: str, case: str, taken: Mapping[str, list[float]], notes: Mapping[str, str], scale: float = 1.0
) -> list[dict[str, Any]]:
    """A row for each way against the one called "baseline".

    Args:
        stage: Of the pipeline.
        case: Sizes.
        taken: See `in_turn`.
        notes: Way -> what it is, or how far it agrees.
        scale: Times the baseline's seconds, if it did a part of the job.

    Returns:
        stage, case, way, baseline_s, ours_s, ratio (median of the rounds' own), note.
    """
    base = [scale * value for value in taken["baseline"]]
    return [
        {
            "stage": stage,
            "case": case,
            "way": name,
            "baseline_s": statistics.median(base),
            "ours_s": statistics.median(values),
            "ratio": statistics.median(a / b for a, b in zip(base, values, strict=True)),
            "note": notes.get(name, ""),
        }
        for name, values in taken.items()
        if name != "baseline"
    ]
