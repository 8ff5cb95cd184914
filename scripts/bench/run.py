"""All benchmarks against the CVPR 2022 benchmark's way of doing the same job: a table of ratios, and JSON.

    python scripts/bench/run.py                           # some minutes
    python scripts/bench/run.py --full --json bench.json  # the sizes of docs/performance.md
    python scripts/bench/run.py --stages backbone mining

Each stage runs in a process of its own, and in it both sides take turns: on a busy machine read ratios, not seconds.
The baselines are written anew here, after what that benchmark does: a loop over clusters, an index a query, positions
read from file names a query at a time, eager float32, Pillow. `--reuse-memory` lets both sides keep freed memory, as
runs of geoloc do (`reuse_memory=true`) and the benchmark does not. Where a stage fails the others are measured all the
same, and the command ends with 1. `--json` is written after each stage.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

STAGES = (
    "items",
    "backbone",
    "netvlad",
    "evaluation",
    "search",
    "mining",
    "maps",
    "rerank",
    "counting",
    "training",
    "memory",
    "startup",
)
HERE = Path(__file__).parent


def one(stage: str, full: bool, reuse_memory: bool) -> list[dict[str, Any]]:
    """The rows of a stage, measured in a fresh process.

    Raises:
        RuntimeError: It failed; what it said last.
    """
    command = [sys.executable, __file__, "--one", stage, *["--full"] * full, *["--reuse-memory"] * reuse_memory]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode < 0:  # such as 9, where memory was short
        raise RuntimeError(f"ended by signal {-done.returncode}")
    if done.returncode:
        raise RuntimeError((done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1])
    return json.loads(done.stdout.splitlines()[-1])


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    import torch

    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    names = {line.split(":")[1].strip() for line in lines if line.startswith("model name")}
    return {
        "processor": ", ".join(names) or platform.processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "amx": bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)()),
        "torch": torch.__version__,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def amount(row: dict[str, Any], side: str) -> str:
    """What a side took: time, or memory."""
    return f"{row[f'{side}_mib']:,.0f} MiB" if f"{side}_mib" in row else f"{1000 * row[f'{side}_s']:,.1f} ms"


def line(row: dict[str, Any]) -> str:
    """A row of the table in Markdown."""
    sides = " | ".join(amount(row, side) for side in ("baseline", "ours"))
    return f"| {row['stage']} | {row['case']} | {row['way']} | {sides} | {row['ratio']:.1f} | {row['note']} |"


def written(text: str) -> Path:
    """A path that can be written to, so that nothing is measured in vain."""
    path = Path(text)
    try:
        path.open("a").close()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path}: {error.strerror}") from None
    return path


def main() -> None:
    """Print the table as it grows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES)
    parser.add_argument("--full", action="store_true", help="larger sizes and more rounds")
    parser.add_argument("--reuse-memory", action="store_true", help="both sides keep freed memory")
    parser.add_argument("--json", type=written, help="write the figures there too")
    parser.add_argument("--one", choices=STAGES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        if given.reuse_memory:
            from geoloc.extraction.allocator import keep_freed_memory

            keep_freed_memory()
        sys.path.insert(0, str(HERE))
        print(json.dumps(import_module(given.one).measure(given.full)))
        return
    facts, rows, failed = machine(), [], []
    print(", ".join(f"{key} {value}" for key, value in facts.items()))
    print("\n| stage | case | way | baseline | ours | ratio | |")
    print("| --- | --- | --- | ---: | ---: | ---: | --- |", flush=True)
    for number, stage in enumerate(given.stages, 1):
        start = time.perf_counter()
        try:
            found = one(stage, given.full, given.reuse_memory)
            print("".join(f"{line(row)}\n" for row in found), end="", flush=True)
            rows, told = rows + found, f"{time.perf_counter() - start:.0f} s"
        except RuntimeError as error:
            failed, told = [*failed, stage], f"failed: {error}"
        print(f"{number}/{len(given.stages)} {stage}: {told}", file=sys.stderr)
        if given.json:
            content = {"machine": facts, "full": given.full, "reuse_memory": given.reuse_memory, "rows": rows}
            given.json.write_text(json.dumps(content | {"failed": failed}, indent=1) + "\n", encoding="utf-8")
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)  # as a shell has it; a stage's process got the same signal
