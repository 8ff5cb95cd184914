"""leaderboard.csv of a sweep: one row a job, also of those that failed."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import yaml


def write_leaderboard(sweep: Path) -> Path:
    """Collect the jobs of a sweep, best first.

    Every job calls this when it ends, so the file is there whichever job fails and however jobs are launched.

    Args:
        sweep: The sweep's folder; each job has a folder in it.

    Returns:
        The file. Columns: job, status, one for each key that was swept, `<domain>/R<N>`.
    """
    rows = [_row(folder) for folder in sorted(sweep.iterdir(), key=_number) if (folder / "results.json").is_file()]
    recalls = [key for row in rows for key in row if "/R" in key]
    rows.sort(key=lambda row: -sum(float(row[key]) for key in recalls if key in row))
    columns = list(dict.fromkeys(key for row in rows for key in row))
    columns.sort(key=lambda key: "/R" in key)  # a failed job has no recalls; they still go last
    path = sweep / "leaderboard.csv"
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    part.replace(path)
    return path


def _number(folder: Path) -> tuple[int, str]:
    return (int(folder.name), "") if folder.name.isdigit() else (-1, folder.name)


def _row(folder: Path) -> dict[str, Any]:
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    overrides = folder / ".hydra" / "overrides.yaml"
    typed = yaml.safe_load(overrides.read_text(encoding="utf-8")) if overrides.is_file() else []
    row = {"job": folder.name, "status": results["status"]}
    row |= dict(override.split("=", 1) for override in typed or [] if "=" in override)
    for name, domain in results.get("domains", {}).items():
        row |= {f"{name}/R{n}": f"{value:.2f}" for n, value in domain["recalls"].items()}
    return row
