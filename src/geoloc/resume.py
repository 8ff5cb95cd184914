"""resume=RUN: continue an interrupted run in its own folder, with its own config."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from omegaconf import DictConfig, OmegaConf

from geoloc.errors import InputError
from geoloc.textfiles import read_json

# What may be typed besides resume=; all else would make the second half another run than the first.
MAY_CHANGE = (
    "attention",
    "console",
    "hydra.searchpath",
    "infer_batch_size",
    "keep_descriptors",
    "logger",
    "num_workers",
    "patience",
    "report_queries",
    "reuse_memory",
    "saved_predictions",
    "slices",
    "test_folders",
    "trainer.accelerator",
    "trainer.devices",
    "trainer.enable_progress_bar",
    "trainer.max_epochs",
)


DESCRIBING = ("test", "describe", "localize")  # tasks that go on from the descriptors which they have left


def resumed_arguments(arguments: list[str]) -> list[str]:
    """Arguments of a resumed run: what the interrupted run was given, then what is typed now, in the same folder.

    Args:
        arguments: The command line; returned as it is if it resumes nothing.

    Raises:
        InputError: There is nothing to resume, or something else was typed that may not change.
    """
    folders = [argument.removeprefix("resume=") for argument in arguments if argument.startswith("resume=")]
    if not folders or folders[-1] in ("", "null"):
        return arguments
    folder = Path(folders[-1].strip("'\""))
    typed = [argument for argument in arguments if not argument.startswith("resume=")]
    _check_folder(folder)
    others = [argument for argument in typed if argument.lstrip("+~").split("=")[0] not in MAY_CHANGE]
    if others:
        raise InputError(f"resume: {' '.join(others)} cannot change now; only {', '.join(MAY_CHANGE)} can")
    number = len(list((folder / ".hydra").glob("resumed_*"))) + 1
    quoted = str(folder).replace("\\", "\\\\").replace("'", "\\'")
    inside = [f"resume='{quoted}'", f"hydra.run.dir='{quoted}'", f"hydra.output_subdir=.hydra/resumed_{number}"]
    return [*_given_before(folder, number - 1), *typed, *inside]


def _given_before(folder: Path, resumed: int) -> list[str]:
    """What the run was given at its start and when it was last resumed, and where else it looked for yaml files."""
    last = folder / ".hydra" / (f"resumed_{resumed}" if resumed else "")
    overrides = map(str, OmegaConf.load(last / "overrides.yaml"))
    asked = OmegaConf.select(OmegaConf.load(folder / ".hydra" / "hydra.yaml"), "hydra.overrides.hydra", default=[])
    searched = [str(item) for item in asked if str(item).startswith("hydra.searchpath=")]
    return [*searched, *(item for item in overrides if not item.startswith("resume="))]


def _check_folder(folder: Path) -> None:
    if not (folder / ".hydra" / "overrides.yaml").is_file():
        raise InputError(f"resume={folder}: not the folder of a run (it has no .hydra/overrides.yaml)")
    if not (folder / "checkpoints" / "last.ckpt").is_file() and _task(folder) not in DESCRIBING:
        raise InputError(f"resume={folder}: interrupted before the end of its first epoch (no checkpoints/last.ckpt)")
    if read_json(folder / "results.json").get("status") == "finished":
        left = f"database={folder / 'index'}" if _task(folder) == "localize" else f"checkpoint={folder}"
        raise InputError(f"resume={folder}: that run has finished; start a new one from {left}")


def _task(folder: Path) -> str | None:
    """The task of a run, of which results.json may not tell yet."""
    return OmegaConf.select(OmegaConf.load(folder / ".hydra" / "config.yaml"), "task")


def lock_run(folder: Path) -> FileLock | None:
    """Take the run's lock, which the system gives back when the process ends, however it ends.

    Returns:
        The lock; None in the helper processes of a run on several devices.

    Raises:
        InputError: Another process is running in this folder.
    """
    if "LOCAL_RANK" in os.environ:
        return None
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(f"{folder}: a run is still going on there") from None
    return lock


def refuse_drift(cfg: DictConfig, folder: Path, typed: Iterable[str]) -> None:
    """Refuse to resume if the config means something else today than in the interrupted run.

    Args:
        cfg: Today's config.
        folder: Of the interrupted run.
        typed: Dotted keys that were typed.

    Raises:
        InputError: Names the keys whose defaults have changed, or that follow one that was typed.
    """
    old = OmegaConf.load(folder / ".hydra" / "config.yaml")
    now, then = flat(OmegaConf.to_container(cfg)), flat(OmegaConf.to_container(old))
    _refuse_followers(cfg, old)
    allowed = {"resume", *typed}
    differ = [
        key
        for key in sorted(now.keys() | then.keys())
        if now.get(key) != then.get(key) and not any(key == a or key.startswith(f"{a}.") for a in allowed)
    ]
    if differ:
        raise InputError(
            f"resume={folder}: these defaults have changed since that run: {', '.join(differ)};"
            " use the version of geoloc that it was started with"
        )


def _refuse_followers(cfg: DictConfig, old: Any) -> None:
    """Refuse a changed value that others are computed from, such as `trainer.max_epochs` by the cosine scheduler.

    The checkpoint holds what they were at first, and would not know of the change.
    """
    then = flat(OmegaConf.to_container(old))
    changed = [key for key in MAY_CHANGE if OmegaConf.select(cfg, key) != OmegaConf.select(old, key)]
    for key in changed:
        followers = [name for name, value in then.items() if f"${{{key}}}" in str(value)]
        if followers:
            raise InputError(
                f"resume: {key} cannot change now, since {', '.join(followers)} follows it; leave it out, or start a"
                " new run from checkpoint=RUN"
            )


def flat(content: Any, path: str = "") -> dict[str, Any]:
    """Nested dicts as {dotted key: value}.

    Example:
        >>> flat({"radius": {"eval": 25}, "seed": 0})
        {'radius.eval': 25, 'seed': 0}
    """
    if not isinstance(content, dict) or not content:
        return {path: content}
    return {k: v for key, value in content.items() for k, v in flat(value, f"{path}.{key}".lstrip(".")).items()}
