"""How long it takes to describe images by each way: medians of rounds in which all ways take turns."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch

from geoloc.export.parity import Run

WARM, ROUNDS, LEAST = 1, 9, 3
BUDGET = 60.0  # seconds after which no further round begins, once there are `LEAST`


def interleaved(
    runs: Mapping[str, Callable[[], object]], rounds: int = ROUNDS, now: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Median seconds of each run. All take turns in every round, so that a busy moment hits none alone.

    Args:
        runs: What is timed, by name.
        rounds: At most.
        now: Tells the time in seconds.
    """
    for run in runs.values():
        for _ in range(WARM):
            run()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    start = now()
    for number in range(rounds):
        if number >= LEAST and now() - start > BUDGET:
            break
        for name, run in runs.items():
            before = now()
            run()
            seconds[name].append(now() - before)
    return {name: median(each) for name, each in seconds.items()}


def latencies(runs: Mapping[str, Run], images: torch.Tensor, batches: tuple[int, ...]) -> dict[str, dict[str, float]]:
    """Batch -> way -> milliseconds of a batch.

    Args:
        runs: The ways.
        images: (N, 3, H, W) uint8, as many as the largest batch has.
        batches: Numbers of images.
    """
    found = {}
    for batch in batches:
        part = images[:batch]
        timed = interleaved({name: partial(run, part) for name, run in runs.items()})
        found[str(batch)] = {name: round(1000 * value, 3) for name, value in timed.items()}
    return found


def latency_rows(milliseconds: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
    """Head and lines of a table: milliseconds of a batch, and how many times as fast as the first way.

    Example:
        >>> latency_rows({"1": {"eager": 10.0, "onnx": 4.0}})
        [['way', '1 image', 'x'], ['eager', '10.0 ms', '1.00'], ['onnx', '4.0 ms', '2.50']]
    """
    batches = list(milliseconds)
    head = ["way"]
    for batch in batches:
        head += [f"{batch} image{'' if batch == '1' else 's'}", "x"]
    rows = [head]
    first = next(iter(milliseconds[batches[0]]))
    for way in milliseconds[batches[0]]:
        row = [way]
        for batch in batches:
            own = milliseconds[batch]
            row += [f"{own[way]:.1f} ms", f"{own[first] / own[way]:.2f}"]
        rows.append(row)
    return rows


def machine() -> dict[str, Any]:
    """What the files were made and the times measured on."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        processor = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):  # another system, or another kind of processor
        pass
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"processor": processor, "threads": torch.get_num_threads(), "gpu": gpu, "torch": str(torch.__version__)}


def told_machine(facts: Mapping[str, Any]) -> str:
    """The machine in words.

    Example:
        >>> told_machine({"processor": "Xeon", "threads": 1, "gpu": None})
        'Xeon, 1 thread'
    """
    threads = f"{facts['threads']} thread{'' if facts['threads'] == 1 else 's'}"
    return f"{facts['processor']}, {threads}" + (f", {facts['gpu']}" if facts["gpu"] else "")
