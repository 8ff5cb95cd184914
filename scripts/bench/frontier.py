"""The frontier of the approximate indexes: what recall they give at which speed and size, as table, JSON and picture.

    python scripts/bench/frontier.py [--size 20000] [--dim 512] [--queries 1000] [--descriptors FILE.npy --database N]
        [--json frontier.json] [--plot frontier.svg]

Without `--descriptors` they are synthetic, and the shares say how settings compare, not what real descriptors give. A
run that has kept its descriptors has real ones: descriptors/<domain>.npy, whose first N rows are the database.

Speed is over `exact` in the same process, so 10 is a tenth of its time. "first" and "of 20" are the shares of the
nearest and of the 20 nearest neighbours that are found. Memory is by the formula of each index. Settings that another
setting beats in recall and in speed are marked.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from search import Settings, descriptors, frontier

from geoloc.index.faiss_hnsw import FaissHnsw
from geoloc.index.faiss_ivfpq import FaissIvfpq

SETTINGS: Settings = {
    "faiss_hnsw m=16 ef_search": (lambda value: FaissHnsw(m=16, ef_search=value), (32, 64, 128, 256, 512)),
    "faiss_hnsw m=32 ef_search": (lambda value: FaissHnsw(ef_search=value), (32, 64, 128, 256, 512)),
    "faiss_ivfpq bytes=32 probes": (lambda value: FaissIvfpq(bytes=32, probes=value), (1, 4, 16, 64)),
    "faiss_ivfpq bytes=64 probes": (lambda value: FaissIvfpq(probes=value), (1, 4, 16, 64)),
}


def measure(
    database: np.ndarray, asked: np.ndarray, rounds: int = 3, settings: Settings = SETTINGS
) -> list[dict[str, Any]]:
    """One row a setting: index, value, speed, r1, rk, build_s, file_mib, memory_mib, beaten.

    Args:
        database: (N, D) float descriptors.
        asked: (Q, D) the same of queries.
        rounds: Of which the medians are taken.
        settings: Name -> how an index is made of a value, and the values.
    """
    rows = frontier(database, asked, rounds, settings)
    for row in rows:
        index = settings[row["index"]][0](row["value"])
        row["memory_mib"] = index.memory(*database.shape) / 2**20  # type: ignore[attr-defined]
    for row, beaten in zip(rows, beaten_ones([row["rk"] for row in rows], [row["speed"] for row in rows]), strict=True):
        row["beaten"] = beaten
    return rows


def beaten_ones(recalls: Sequence[float], speeds: Sequence[float]) -> list[bool]:
    """Whether another one is at least as good in both, and better in one.

    Example:
        >>> beaten_ones([0.9, 0.8, 0.8, 0.7], [1, 5, 4, 5])
        [False, False, True, True]
    """
    pairs = list(zip(recalls, speeds, strict=True))
    return [any(r >= recall and s >= speed and (r, s) != (recall, speed) for r, s in pairs) for recall, speed in pairs]


def plot(rows: list[dict[str, Any]], path: Path, title: str) -> None:
    """Speed against the share of the 20 nearest neighbours, one line an index."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for number, name in enumerate(dict.fromkeys(row["index"] for row in rows)):
        own = [row for row in rows if row["index"] == name]
        style = {"marker": "os^Dv"[number % 5], "color": f"C{number}"}
        axes.plot([row["rk"] for row in own], [row["speed"] for row in own], linewidth=1, label=name, **style)
        for row in (own[0], own[-1]):
            place = (row["rk"], row["speed"])
            axes.annotate(str(row["value"]), place, (5, 5), textcoords="offset points", fontsize=8, color=f"C{number}")
    axes.margins(x=0.1)
    axes.axhline(1, color="0.5", linewidth=1, linestyle="--")
    axes.annotate("exact", (axes.get_xlim()[0], 1), (4, 3), textcoords="offset points", fontsize=8, color="0.4")
    axes.set(yscale="log", xlabel="share of the 20 nearest neighbours found", ylabel="speed over exact", title=title)
    for axis in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        axis(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "125" else "")
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8, frameon=False)
    figure.savefig(path, dpi=150)


def main() -> None:
    """Print the table; write the rest if it is wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=20_000, help="database rows, if they are synthetic")
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--descriptors", type=Path, help="a .npy file: database first, then queries")
    parser.add_argument("--database", type=int, help="its rows that are the database")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--plot", type=Path, help="also draw them into this .svg, .png or .pdf")
    given = parser.parse_args()
    if (given.descriptors is None) != (given.database is None):
        parser.error("--descriptors and --database go together")
    if given.descriptors is None:
        database, asked = descriptors(given.size, given.dim, given.queries)
    else:
        both = np.load(given.descriptors, mmap_mode="r")
        if not 0 < given.database < len(both):
            parser.error(f"--database: {given.descriptors} has {len(both)} rows, and some must be left for queries")
        database, asked = both[: given.database], np.asarray(both[given.database :][: given.queries])
    source = "synthetic" if given.descriptors is None else given.descriptors.name
    what = f"{len(database):,} x {database.shape[1]} {source}"
    rows = measure(database, asked, given.rounds)
    print(f"{what}, {len(asked)} queries; speed over exact")
    print(f"{'':34} {'speed':>6} {'first':>6} {'of 20':>6} {'memory':>11} {'file':>11} {'built in':>9}")
    for row in rows:
        print(
            f"{row['index'] + '=' + str(row['value']):34} {row['speed']:6.1f} {row['r1']:6.3f} {row['rk']:6.3f}"
            f" {row['memory_mib']:7.1f} MiB {row['file_mib']:7.1f} MiB {row['build_s']:7.1f} s"
            + "  beaten"
            * row["beaten"]
        )
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if given.plot:
        plot(rows, given.plot, what)


if __name__ == "__main__":
    main()
