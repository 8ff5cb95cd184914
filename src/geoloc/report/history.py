"""How training went, from the run's metrics.csv: the loss and the validated recalls of each epoch."""

from __future__ import annotations

import csv
import re
from pathlib import Path

LOSS = "train/loss"
RECALL = re.compile(r"val/[^/]+/R\d+")  # of a domain
Points = list[tuple[int, float]]


def read_history(metrics: Path) -> dict[str, Points]:
    """Loss and validated recalls of a run.

    Args:
        metrics: metrics.csv.

    Returns:
        Name of the column, such as "train/loss" or "val/city/R5" -> (epochs trained, value), the loss first; means over
        the domains and columns without a value are left out. Empty if there is no such file.
    """
    if not metrics.is_file():
        return {}
    with metrics.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in (rows[0] if rows else {}) if name == LOSS or RECALL.fullmatch(name)]
    names.sort(key=lambda name: name != LOSS)
    found = {name: [(int(row["epoch"]) + 1, float(row[name])) for row in rows if row.get(name)] for name in names}
    return {name: points for name, points in found.items() if points}


def recall_name(column: str) -> str:
    """What a column of recalls is of.

    Example:
        >>> recall_name("val/demo_city_val/R5")
        'demo_city_val R@5'
    """
    domain, _, n = column.removeprefix("val/").rpartition("/R")
    return f"{domain} R@{n}"
