"""What else than the results differs between runs: network and search in words, config, what was typed, environment."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from geoloc.report.compare.runs import Run
from geoloc.report.protocol import described, protocol_rows, step_rows

WORDS, KEYS = "network, search and order", "keys of the config"
TYPED, ENVIRONMENT = "what was typed", "environment"
PARTS = ("backbone", "block", "aggregator", "head", "whitening")
SEARCHED = (  # all that task=search goes by; the rest is that of the run that it searches
    *("index", "monitor", "name", "postprocess", "radius.eval", "recall_values", "run", "saved_predictions", "seed"),
    "task",
)
NETWORK = (*PARTS, "freeze_batch_norm", "image_size", "pretrained", "unit_length")  # a checkpoint says these
TRAINED = (
    *("aug", "loss", "lr", "lr_factors", "lr_scale", "miner", "optimizer", "patience", "pool", "radius.negative"),
    *("radius.positive", "scheduler", "train_batch_size", "trainer.max_epochs", "trainer.check_val_every_n_epoch"),
)
INNERMOST = re.compile(r"\$\{([^${}]*)\}")
DEEPEST = 20  # interpolations within interpolations

Differences = dict[str, tuple[str, ...]]  # what -> a cell for each run, empty where a run has nothing


def differences(rows: Sequence[Mapping[str, str]]) -> Differences:
    """The rows in which runs differ.

    Args:
        rows: Of each run.

    Example:
        >>> differences([{"views": "a", "index": "b"}, {"views": "a", "index": "c", "more": "d"}])
        {'index': ('b', 'c'), 'more': ('', 'd')}
    """
    cells = {
        what: tuple(each.get(what, "") for each in rows) for what in dict.fromkeys(w for each in rows for w in each)
    }
    return {what: values for what, values in cells.items() if len(set(values)) > 1}


def differing(runs: Sequence[Run]) -> dict[str, Differences]:
    """Kind of settings -> what differs; without kinds in which nothing does, or that a run has not kept."""
    kinds: dict[str, Sequence[Mapping[str, str]]] = {WORDS: [in_words(run) for run in runs]}
    if all(run.config for run in runs):
        kinds |= {KEYS: effective([run.config for run in runs]), TYPED: [run.typed for run in runs]}
    surroundings = [environment(run) for run in runs]
    kinds |= {ENVIRONMENT: surroundings} if all(surroundings) else {}
    found = {kind: differences(rows) for kind, rows in kinds.items()}
    return {kind: rows for kind, rows in found.items() if rows}


def notes(runs: Sequence[Run]) -> list[str]:
    """Lines on keys that are not compared."""
    lines = [
        f"{run.name} has no .hydra/config.yaml that can be read, so keys are not compared"
        for run in runs
        if not run.config
    ]
    idle = [
        f"{run.name}: task={run.config['task']}{' with a checkpoint' * _has_checkpoint(run.config)}"
        for run in runs
        if not all(_tells(key, run.config) for key in run.config)
    ]
    return lines or [f"keys that have no effect on one of the runs are not compared ({'; '.join(idle)})"] * bool(idle)


def effective(configs: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """The configs without the keys that have no effect on one of the runs: their values there are mere defaults."""
    return [
        {key: value for key, value in config.items() if all(_tells(key, each) for each in configs)}
        for config in configs
    ]


def _tells(key: str, config: Mapping[str, str]) -> bool:
    """Whether a key has an effect on a run."""
    task = config.get("task")
    if task == "search":
        return _below(key, SEARCHED)
    idle = (TRAINED if task == "test" else ()) + (NETWORK if _has_checkpoint(config) else ())
    return not _below(key, idle)


def _has_checkpoint(config: Mapping[str, str]) -> bool:
    return config.get("checkpoint", "null") != "null"


def _below(key: str, names: Sequence[str]) -> bool:
    return any(f"{key}.".startswith(f"{name}.") for name in names)


def in_words(run: Run) -> dict[str, str]:
    """Network, showing, searching and order, as its results.json tells them."""
    results = run.results
    model, protocol = results.get("model", {}), results.get("protocol", {})
    steps = [f"{step} ({how})" if how else step for step, how, _ in step_rows(protocol, {})]
    return {
        **{part: described(model[part]) for part in PARTS if part in model},
        "weights": str(model.get("weights", "")),
        **dict(protocol_rows(protocol, {})),
        "post-processing": ", ".join(steps) or "none",
        "seed": str(results.get("environment", {}).get("seed", "")),
    }


def environment(run: Run) -> dict[str, str]:
    """Device, code and versions of packages."""
    known = run.results.get("environment", {})
    facts = {"device": known.get("device"), "code": known.get("git"), "python": known.get("python")}
    return {what: str(value) for what, value in (facts | known.get("packages", {})).items() if value}


def read_config(folder: Path) -> dict[str, str]:
    """Dotted key -> value of a run's .hydra/config.yaml, references resolved; empty if there is none."""
    content = _read(folder / ".hydra" / "config.yaml")
    return flat(content) if isinstance(content, dict) else {}


def read_typed(folder: Path) -> dict[str, str]:
    """Overridden key -> value as typed, of a run's .hydra/overrides.yaml; empty if there is none."""
    content = _read(folder / ".hydra" / "overrides.yaml")
    parts = [str(override).partition("=") for override in content] if isinstance(content, list) else []
    return {key: value for key, _, value in parts}


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None


def flat(config: Mapping[str, Any]) -> dict[str, str]:
    """Dotted key -> value in words.

    `${key}` becomes that key's value and `${times:a,b}` the product; what only a running job knows, such as
    `${hydra:...}`, stays as it is written.

    Example:
        >>> flat({"lr": {"adam": 1e-05}, "optimizer": {"lr": "${times:${lr.adam},2}", "amsgrad": None}})
        {'lr.adam': '1e-05', 'optimizer.lr': '2e-05', 'optimizer.amsgrad': 'null'}
    """
    raw: dict[str, str] = {}

    def collect(node: Any, path: str) -> None:
        if isinstance(node, dict) and node:
            for key, value in node.items():
                collect(value, f"{path}.{key}" if path else str(key))
        else:
            raw[path] = node if isinstance(node, str) else json.dumps(node)

    collect(config, "")
    return {key: _resolved(value, raw) for key, value in raw.items()}


def _resolved(text: str, raw: Mapping[str, str]) -> str:
    def replace(match: re.Match[str]) -> str:
        name, colon, arguments = match[1].partition(":")
        if not colon and name in raw:
            return raw[name]
        if name == "times":
            try:
                left, right = map(float, arguments.split(","))
                return f"{left * right:.6g}"
            except ValueError:
                pass
        return f"$\0{match[1]}\1"  # no match any more

    for _ in range(DEEPEST):
        text, found = INNERMOST.subn(replace, text)
        if not found:
            break
    return text.replace("$\0", "${").replace("\1", "}")
