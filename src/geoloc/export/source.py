"""The run that a network comes from: what it was trained on, and how it was judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from geoloc.net import SPEC_FILE, WEIGHTS_FILE
from geoloc.report.compare.settings import read_config
from geoloc.textfiles import read_json

# What is told of the training -> its key in the run's config.
TOLD = {
    "training data": "data.name",
    "image size": "image_size",
    "augmentation of queries": "aug._target_",
    "loss": "loss._target_",
    "negatives": "miner._target_",
    "optimizer": "optimizer._target_",
    "learning rate": "optimizer.lr",
    "epochs at most": "trainer.max_epochs",
    "positives within (m)": "radius.positive",
    "negatives beyond (m)": "radius.negative",
    "seed": "seed",
}


@dataclass(frozen=True)
class Source:
    """What is known of where a network comes from; all of it may be empty.

    Attributes:
        about: `about` of its model.yaml.
        training: (what, how) of the training.
        domains: Domain -> its entry in results.json, if it is this very network that was judged.
        protocol: How images were shown and searched then.
        missing: Why there are no results; empty if there are.
    """

    about: Mapping[str, Any] = field(default_factory=dict)
    training: list[tuple[str, str]] = field(default_factory=list)
    domains: Mapping[str, Any] = field(default_factory=dict)
    protocol: Mapping[str, Any] = field(default_factory=dict)
    missing: str = ""


def source_of(checkpoint: Path, digest: str) -> Source:
    """Read what lies beside a checkpoint.

    Args:
        checkpoint: A run's folder or a file.
        digest: Of the network that was read from it.
    """
    folder = _folder(checkpoint)
    if folder is None:
        return Source(missing="The file tells nothing of the run that it comes from.")
    about = _about(folder / SPEC_FILE)
    results = read_json(folder / "results.json")
    judged = {name: facts for name, facts in results.get("domains", {}).items() if facts.get("recalls")}
    missing = ""
    if not judged:
        missing = "The folder that the network comes from holds no results."
    elif results.get("model", {}).get("digest") != digest:
        judged, missing = {}, "The results beside the file are of other weights (another epoch, or with whitening)."
    trained = results.get("task") == "train"
    training = _training(folder, results) if trained else []
    return Source(about, training, judged, results.get("protocol", {}) if judged else {}, missing)


def _folder(checkpoint: Path) -> Path | None:
    if checkpoint.is_dir():
        return checkpoint
    if checkpoint.name == WEIGHTS_FILE:
        return checkpoint.absolute().parent
    inside = checkpoint.absolute().parent
    return inside.parent if inside.name == "checkpoints" else None


def _about(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    about = content.get("about") if isinstance(content, dict) else None
    return about if isinstance(about, dict) else {}


def _training(folder: Path, results: Mapping[str, Any]) -> list[tuple[str, str]]:
    config = read_config(folder)
    rows = [(what, _short(what, config[key])) for what, key in TOLD.items() if config.get(key) not in (None, "null")]
    command = results.get("environment", {}).get("command")
    return rows + ([("command", f"`{command}`")] if command else [])


def _short(what: str, value: str) -> str:
    """The name of a class without its modules."""
    return value.rpartition(".")[2] if what in ("loss", "negatives", "optimizer", "augmentation of queries") else value
