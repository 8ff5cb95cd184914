"""How long geoloc takes to start: `import geoloc` over `import torch` alone, and `python -m geoloc.run --help`."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import Any


def seconds(*arguments: str) -> float:
    """Of one process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def measure(full: bool = False) -> list[dict[str, Any]]:
    """Medians in seconds; the baseline of both is a process that imports torch."""
    commands = {
        "baseline": ("-c", "import torch"),
        "import geoloc": ("-c", "import geoloc"),
        "import geoloc, with a network's parts": ("-c", "import torch, geoloc.net"),
        "--help": ("-m", "geoloc.run", "--help"),
    }
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(7 if full else 3):
        for name, command in commands.items():
            taken[name].append(seconds(*command))
    base = statistics.median(taken["baseline"])
    return [
        {
            "stage": "start",
            "case": name,
            "way": "",
            "baseline_s": base,
            "ours_s": statistics.median(values),
            "ratio": base / statistics.median(values),
            "note": f"{statistics.median(values) - base:+.2f} s beside torch",
        }
        for name, values in taken.items()
        if name != "baseline"
    ]
