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
    """Medians in seconds; the baseline is a process that imports torch (and torchvision, for a network's parts)."""
    commands = {
        "import torch": ("-c", "import torch"),
        "import torchvision": ("-c", "import torchvision"),
        "import geoloc": ("-c", "import geoloc"),
        "import geoloc.net": ("-c", "import geoloc.net"),
        "--help": ("-m", "geoloc.run", "--help"),
    }
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(7 if full else 3):
        for name, command in commands.items():
            taken[name].append(seconds(*command))
    time_of = {name: statistics.median(values) for name, values in taken.items()}
    rows = []
    for name in ("import geoloc", "import geoloc.net", "--help"):
        beside = "import torchvision" if name == "import geoloc.net" else "import torch"
        rows.append(
            {
                "stage": "start",
                "case": name,
                "way": f"beside {beside}",
                "baseline_s": time_of[beside],
                "ours_s": time_of[name],
                "ratio": time_of[beside] / time_of[name],
                "note": f"{time_of[name] - time_of[beside]:+.2f} s",
            }
        )
    return rows
