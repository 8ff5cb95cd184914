"""What the jobs of a sweep were asked and what came out, read from their folders; and the sweep's files from that."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from geoloc.evaluate.rules import told
from geoloc.textfiles import read_json

NO_RESULTS = "no results"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C, where there is one, is ten times as fast


@dataclass(frozen=True)
class SweepJob:
    """One job of a sweep.

    Attributes:
        name: Of its folder.
        status: As in results.json ("finished", "failed", ...), or `NO_RESULTS` if that is not there (yet).
        error: What ended it; "" if nothing did.
        typed: What it was asked, {dotted key: value} as typed.
        seed: In use; "" if none was typed and the job did not get far enough to tell.
        recalls: {"<domain>/R<N>": percent}.
        judging: {domain: how it was judged, on which photos}; recalls may be compared where it is the same.
        seconds: Wall time of its stages together; None if it did not come to an end.
        validated: The best mean validation recall of its epochs, in percent; None if there was none.
    """

    name: str
    status: str
    error: str
    typed: dict[str, str]
    seed: str
    recalls: dict[str, float]
    judging: dict[str, str] = field(default_factory=dict)
    seconds: float | None = None
    validated: float | None = None


def read_jobs(sweep: Path) -> list[SweepJob]:
    """All jobs that have begun, in the sweep's order.

    Args:
        sweep: The sweep's folder; each job has a folder in it.
    """
    folders = [path for path in sweep.iterdir() if (path / ".hydra").is_dir() or (path / "results.json").is_file()]
    return [_read(folder) for folder in sorted(folders, key=_number)]


def recalls_of(results: dict[str, Any]) -> dict[str, float]:
    """{"<domain>/R<N>": percent} of the content of a results.json."""
    domains = results.get("domains", {})
    return {
        f"{name}/R{n}": float(value) for name, facts in domains.items() for n, value in facts.get("recalls", {}).items()
    }


def _judging_of(results: dict[str, Any]) -> dict[str, str]:
    """{domain: its protocol in words, and the fingerprint of its photos} of the content of a results.json."""
    prints = results.get("fingerprints", {})
    domains = results.get("domains", {})
    return {
        name: f"{told(facts)}; photos {str(prints.get(name, ''))[:8]}{_members_of(facts)}"
        for name, facts in domains.items()
    }


def _members_of(facts: dict[str, Any]) -> str:
    """Which images share a group or a panorama, where that matters."""
    found = facts.get("protocol", {}).get("members", "")
    return f"; members {found[:8]}" if found else ""


def _number(folder: Path) -> tuple[int, str]:
    return (int(folder.name), "") if folder.name.isdigit() else (-1, folder.name)


def _read(folder: Path) -> SweepJob:
    results = read_json(folder / "results.json")  # empty if it is not there yet
    asked = _read_yaml(folder / ".hydra" / "overrides.yaml")
    overrides = [str(override) for override in asked] if isinstance(asked, list) else []
    typed = dict(override.split("=", 1) for override in overrides if "=" in override)
    seed = results.get("environment", {}).get("seed", typed.get("seed", ""))
    # Training holds the mining, which is told apart too.
    stages = [value for stage, value in results.get("seconds", {}).items() if not stage.startswith("of which")]
    return SweepJob(
        name=folder.name,
        status=results.get("status", NO_RESULTS),
        error=results.get("error", ""),
        typed=typed,
        seed=str(seed),
        recalls=recalls_of(results),
        judging=_judging_of(results),
        seconds=sum(stages) if stages else None,
        validated=_validated(folder / "metrics.csv", str(configured_in(folder, "monitor"))),
    )


def _validated(metrics: Path, monitor: str) -> float | None:
    """The best mean validation recall, as the best checkpoint has it, in percent."""
    try:
        with metrics.open(newline="", encoding="utf-8") as file:
            cells = [row.get(f"val/{monitor}_mean") or "nan" for row in csv.DictReader(file)]
    except OSError:
        return None
    return max((value for value in map(float, cells) if math.isfinite(value)), default=None)


def _read_yaml(path: Path) -> Any:
    """Content of a yaml file; None if it is not there, or another job is just writing it."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), LOADER)
    except (OSError, yaml.YAMLError):
        return None


def configured_in(job: Path, key: str) -> Any:
    """Value of a top-level key in the config of a job; None if there is none.

    Args:
        job: The job's folder.
        key: Such as "monitor".
    """
    content = _read_yaml(job / ".hydra" / "config.yaml")
    return content.get(key) if isinstance(content, dict) else None


def configured(sweep: Path, key: str) -> Any:
    """Value of a top-level key in the config of the sweep's first job that has one; None if there is none.

    Args:
        sweep: The sweep's folder.
        key: Such as "baseline".
    """
    configs = sorted(sweep.glob("*/.hydra/config.yaml"), key=lambda path: _number(path.parents[1]))
    return configured_in(configs[0].parents[1], key) if configs else None
