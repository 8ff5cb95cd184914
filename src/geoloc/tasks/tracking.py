"""Loggers of a job: started first of all, so that its failure is seen too, and ended with its true exit code."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image
from pytorch_lightning.loggers import Logger

from geoloc.evaluate.recall import correct
from geoloc.evaluate.worst import first_correct, worst_queries
from geoloc.lit.dashboard import Dashboard
from geoloc.report.figures import QUERY, RIGHT, WRONG, thumbnail
from geoloc.result import Result
from geoloc.tasks.job import Job
from geoloc.tasks.results import environment, read_results

log = logging.getLogger(__name__)
UNTOLD = ("hydra", "logger", "name", "paths", "resume", "trainer.enable_progress_bar")  # not part of a run's name
# What is told of voted positions, by the names in results.json.
LOCALIZATION = (
    *("within", "radius_m", "median_error_m", "mean_confidence", "nearer_than_expected", "ece", "brier", "aurc"),
    *("aurc_floor", "r100p", "answer_precision", "threshold", "answered", "right_of_answered"),
)
SHOWN = 3  # predictions of a query in the table of the worst
TILE = (160, 120)  # (width, height) of a photo there, in pixels


def started_loggers(job: Job) -> list[Logger]:
    """The job's loggers, started unless they are already."""
    if not job.loggers:
        made = [job.make(node) for node in job.cfg["logger"].values() if node]
        for logger in made:
            if isinstance(logger, Dashboard):
                config = {**job.cfg, "environment": environment(job), "folder": str(job.folder)}
                logger.begin(config, run_name(job), sweep_name(job.sweep), job.cfg["task"])
            else:
                logger.log_hyperparams(job.cfg)
            job.loggers.append(logger)
    return job.loggers


def run_name(job: Job) -> str:
    """What is typed for this job; for a job of a sweep, what is not typed for all of them."""
    typed = [text for text in shlex.split(job.command)[3:] if "=" in text]
    common = _common(job.sweep) if job.sweep else []
    told = [text for text in typed if not text.lstrip("+~").startswith(UNTOLD)]
    own = [text for text in told if text.lower() not in common]  # Hydra hands `true` on as `True`
    return " ".join(own or told) or str(job.cfg["name"])


def sweep_name(sweep: Path | None) -> str | None:
    """The last two parts of the sweep's folder, such as "default/2026-11-26_15-40-25_sweep"; None if there is none.

    Example:
        >>> sweep_name(Path("logs/default/night_sweep"))
        'default/night_sweep'
    """
    return None if sweep is None else "/".join(sweep.parts[-2:])


def _common(sweep: Path) -> list[str]:
    """What is typed for all jobs of a sweep, in lower case, as far as its folder tells."""
    path = sweep / "multirun.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return [text.lower() for text in content.get("hydra", {}).get("overrides", {}).get("task", [])]


def publish(job: Job, results: dict[str, Result]) -> None:
    """Give the dashboard what the run has found: tables, report.html and, if wanted, the best checkpoint."""
    for board in job.loggers:
        if isinstance(board, Dashboard):
            domains = read_results(job.folder)["domains"]
            board.log_table("recalls", *recall_rows(domains))
            located = localization_rows(domains)
            if located[1]:
                board.log_table("localization", *located)
            if board.worst_queries:
                board.log_table("worst_queries", *worst_rows(results, board.worst_queries))
            board.log_page(job.folder / "report.html")
            best = job.folder / "checkpoints" / "best.ckpt"
            if board.sends_model and best.is_file():
                board.log_checkpoint(best, {"recalls": {name: each.scores.recalls for name, each in results.items()}})


def recall_rows(domains: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows of the table of recalls: each domain, and then each condition of its queries.

    Args:
        domains: As results.json has them.
    """
    ns = list(next(iter(domains.values()))["recalls"])
    rows = []
    for name, facts in domains.items():
        for condition, part in [("all", facts), *facts["slices"].items()]:
            recalls = [part["recalls"][n] for n in ns]
            rows.append([name, condition, *recalls, part["queries"], part["answerable"], facts["database"]])
    return ["domain", "condition", *(f"R{n}" for n in ns), "queries", "answerable", "database"], rows


def localization_rows(domains: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows of the table of voted positions: a row each domain in metres, empty where no confidence is told.

    Args:
        domains: As results.json has them.
    """
    parts = {name: facts["localization"] for name, facts in domains.items() if facts.get("localization")}
    rows = [[name, *(facts.get(key) for key in LOCALIZATION)] for name, facts in parts.items()]
    return ["domain", *LOCALIZATION], rows


def worst_rows(results: dict[str, Result], count: int) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows of the table of the worst queries, with small photos.

    Args:
        results: Of each test domain.
        count: Rows of each.
    """
    photos = [f"found_{rank}" for rank in range(1, SHOWN + 1)]
    columns = ["domain", "query", "photo", *photos, "meters", "condition", "first_correct"]
    return columns, [row for name, result in results.items() for row in _worst_of(name, result, count)]


def _worst_of(name: str, result: Result, count: int) -> list[list[Any]]:
    domain, found = result.domain, result.predictions.ids
    right = correct(found, result.positives)
    meters = np.linalg.norm(domain.queries.xy - domain.database.xy[found[:, 0]], axis=1)
    conditions, ranks = domain.queries.conditions, first_correct(right)
    assert conditions is not None
    rows: list[list[Any]] = []
    for query in worst_queries(right, meters, count).tolist():
        photos: list[Image.Image | None] = [
            thumbnail(domain.database.path(row), TILE, RIGHT if hit else WRONG)
            for row, hit in zip(found[query, :SHOWN].tolist(), right[query, :SHOWN].tolist(), strict=True)
        ]
        photos += [None] * (SHOWN - len(photos))  # a database of fewer images
        asked = thumbnail(domain.queries.path(query), TILE, QUERY)
        far = round(float(meters[query]), 2)
        told = [far, str(conditions[query]) or "unknown", int(ranks[query])]
        rows.append([name, str(domain.queries.names[query]), asked, *photos, *told])
    return rows


def end_loggers(job: Job, exit_code: int, objective: float | None) -> None:
    """Close the dashboard.

    Args:
        job: The run.
        exit_code: 0 if it was done.
        objective: What the task returns.
    """
    for logger in job.loggers:
        if isinstance(logger, Dashboard):
            logger.end(exit_code, objective)
