"""leaderboard.csv of a sweep: one row a job, also of those that failed."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from geoloc.report.sweep import NO_RESULTS, read_jobs
from geoloc.textfiles import write_whole


def write_leaderboard(sweep: Path) -> Path:
    """Collect the jobs of a sweep, best mean R@1 (or lowest other N) first.

    Every job calls this when it ends, so the file is there whichever job fails and however jobs are launched.

    Args:
        sweep: The sweep's folder; each job has a folder in it.

    Returns:
        The file. Columns: job, status, one for each typed key that is not the same in all, `<domain>/R<N>`.
    """
    rows: list[dict[str, Any]] = [
        {"job": job.name, "status": job.status, **job.typed}
        | {key: f"{value:.2f}" for key, value in job.recalls.items()}
        for job in read_jobs(sweep)
        if job.status != NO_RESULTS
    ]
    rows.sort(key=_mean_first_recall, reverse=True)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    swept = [key for key in columns if key in ("job", "status") or len({row.get(key) for row in rows}) > 1]
    columns = [key for key in columns if key in swept or "/R" in key]
    columns.sort(key=lambda key: "/R" in key)  # a failed job has no recalls; they still go last
    rows = [{key: row[key] for key in columns if key in row} for row in rows]
    path = sweep / "leaderboard.csv"
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, file.getvalue())
    return path


def _mean_first_recall(row: dict[str, Any]) -> float:
    """Mean over the domains of the recall at the lowest N; -1 for a job without any."""
    recalls = {key: float(value) for key, value in row.items() if "/R" in key}
    first = min((int(key.rpartition("/R")[2]) for key in recalls), default=0)
    values = [value for key, value in recalls.items() if key.endswith(f"/R{first}")]
    return sum(values) / len(values) if values else -1.0
