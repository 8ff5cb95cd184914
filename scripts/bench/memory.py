"""Peak memory of an evaluation, from descriptors on the disk to predictions, in a fresh process.

    python scripts/bench/memory.py [--database 76000] [--queries 1000] [--dim 16384]

geoloc keeps descriptors in a mapped file, float16 or float32, searches blocks of it and gives the pages back. The usual
way (`array`) holds all descriptors in one array and once more in a faiss index; it is run only where it fits (--array).
Figures are peaks of resident memory above that of the process before it opens the descriptors, in MiB: all of it, and
the part that is no mapped file. Descriptors are synthetic.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from geoloc.index.exact import Exact

K = 20
WAYS = {"store float16": "float16", "store float32": "float32", "array": "float32"}


def write(path: Path, rows: int, dim: int, dtype: str) -> None:
    """Write (rows, dim) random descriptors of unit length."""
    store = np.lib.format.open_memmap(path, "w+", dtype, (rows, dim))
    rng = np.random.default_rng(0)
    for start in range(0, rows, 1024):
        block = rng.standard_normal((min(1024, rows - start), dim), dtype=np.float32)
        store[start : start + len(block)] = block / np.linalg.norm(block, axis=1, keepdims=True)
    store.flush()


def resident_mib() -> tuple[float, float]:
    """Resident memory of this process, and its part that is not mapped from files (Linux)."""
    fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return tuple(int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "RssAnon"))  # type: ignore[return-value]


class Peak:
    """Largest resident memory while it is open, looked at every hundredth of a second."""

    def __enter__(self) -> Peak:
        """Start looking."""
        self.before = self.all = self.own = (0.0, 0.0)
        self.before = resident_mib()
        self.all, self.own = self.before
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._look)
        self.thread.start()
        return self

    def _look(self) -> None:
        while not self.stop.wait(0.01):
            everything, own = resident_mib()
            self.all, self.own = max(self.all, everything), max(self.own, own)

    def __exit__(self, *_: object) -> None:
        """Stop looking."""
        self.stop.set()
        self.thread.join()


def search(path: Path, database: int, way: str) -> dict[str, float]:
    """Search the queries, which follow the database in the file."""
    with Peak() as peak:
        start = time.perf_counter()
        if way == "array":
            import faiss

            vectors = np.load(path)
            index = faiss.IndexFlatL2(vectors.shape[1])
            index.add(vectors[:database])
            index.search(vectors[database:], K)
        else:
            vectors = np.load(path, mmap_mode="r")
            Exact().search(vectors[:database], vectors[database:], K)
        seconds = time.perf_counter() - start
    return {"all_mib": peak.all - peak.before[0], "own_mib": peak.own - peak.before[1], "seconds": seconds}


def measure(full: bool = False) -> list[dict[str, Any]]:
    """20,000 database descriptors and 200 queries of 4,096 values (full: 60,000 and 1,000)."""
    database, queries, dim = (60_000, 1000, 4096) if full else (20_000, 200, 4096)
    array, *stores = sorted(ways(database, queries, dim, array=True), key=lambda row: row["way"])
    return [
        {
            "stage": "memory of an evaluation",
            "case": f"{queries:,} queries in {database:,} x {dim:,}",
            "way": row["way"],
            "baseline_mib": array["all_mib"],
            "ours_mib": row["all_mib"],
            "ratio": array["all_mib"] / row["all_mib"],
            "note": f"peak above the start; no mapped file: baseline {array['own_mib']:.0f}, ours {row['own_mib']:.0f}",
        }
        for row in stores
    ]


def ways(database: int, queries: int, dim: int, array: bool) -> list[dict[str, Any]]:
    """One row a way, each in a process of its own."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for way, dtype in WAYS.items():
            if way == "array" and not array:
                continue
            path = Path(folder) / f"{dtype}.npy"
            if not path.is_file():
                write(path, database + queries, dim, dtype)
            command = [sys.executable, __file__, "--one", way, "--file", str(path), "--database", str(database)]
            told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            rows.append({"way": way, "database": database, "dim": dim, **json.loads(told)})
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", type=int, default=20_000)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--dim", type=int, default=4096)
    parser.add_argument("--array", action="store_true", help="also the common way, which needs twice the descriptors")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(search(arguments.file, arguments.database, arguments.one)))
        return
    print(f"{arguments.database} x {arguments.dim}, {arguments.queries} queries, k={K}; MiB above the start")
    for row in ways(arguments.database, arguments.queries, arguments.dim, arguments.array):
        print(f"{row['way']:14} all {row['all_mib']:7.0f}  not mapped {row['own_mib']:7.0f}  {row['seconds']:6.1f} s")


if __name__ == "__main__":
    main()
