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
IDLE = "no effect"  # of a key on a run
INNERMOST = re.compile(r"\$\{([^${}]*)\}")
DEEPEST = 20  # interpolations within interpolations

Differences = dict[str, tuple[str, ...]]  # what -> a cell for each run; empty: not there


def differences(rows: Sequence[Mapping[str, str]]) -> Differences:
    """The rows in which runs differ; what has no effect on a run differs from nothing.

    Args:
        rows: Of each run.

    Example:
        >>> differences([{"views": "a", "index": "b"}, {"views": "a", "index": "c", "more": "d"}])
        {'index': ('b', 'c'), 'more': ('', 'd')}
    """
    every = dict.fromkeys(what for each in rows for what in each)
    cells = {what: tuple(each.get(what, "") for each in rows) for what in every}
    return {what: values for what, values in cells.items() if len({*values} - {IDLE}) > 1}


def differing(runs: Sequence[Run]) -> dict[str, Differences]:
    """Kind of settings -> what differs; without kinds in which nothing does, or that a run has not kept."""
    kinds: dict[str, Sequence[Mapping[str, str]]] = {WORDS: [in_words(run) for run in runs]}
    if all(run.config for run in runs):
        kinds |= {KEYS: [effective(run.config, runs) for run in runs], TYPED: [run.typed for run in runs]}
    surroundings = [environment(run) for run in runs]
    kinds |= {ENVIRONMENT: surroundings} if all(surroundings) else {}
    found = {kind: differences(rows) for kind, rows in kinds.items()}
    return {kind: rows for kind, rows in found.items() if rows}


def notes(runs: Sequence[Run]) -> list[str]:
    """Lines on keys that are not compared."""
    gone = [f"{run.name} has no .hydra/config.yaml that can be read" for run in runs if not run.config]
    if gone:
        return [f"Keys are not compared: {'; '.join(gone)}"]
    idle = [
        f"{run.name}: task={run.config.get('task')}{' with a checkpoint' * _has_checkpoint(run.config)}"
        for run in runs
        if IDLE in effective(run.config, runs).values()
    ]
    return [f"Keys that have no effect on a run are not compared there ({'; '.join(idle)})"] * bool(idle)


def effective(config: Mapping[str, str], runs: Sequence[Run]) -> dict[str, str]:
    """A run's config, with `IDLE` for every key of any run that has no effect on this one: a default that says nothing.

    Args:
        config: Of the run.
        runs: All that are compared.
    """
    every = dict.fromkeys(key for run in runs for key in run.config)
    return {key: config.get(key, "") if _tells(key, config) else IDLE for key in every}


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
