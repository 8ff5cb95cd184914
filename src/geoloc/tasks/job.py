"""What a task receives: plain config values, a way to make objects from them, and the run's folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geoloc.errors import InputError
from geoloc.stages import Stopwatch


@dataclass
class Job:
    """One run.

    Attributes:
        cfg: The resolved config as dicts, lists and numbers.
        make: Builds the object of a node (`geoloc.config.instantiate`).
        folder: The run's folder.
        typed: Dotted keys that the user typed, or chose an experiment for, such as {"backbone", "trainer.max_epochs"}.
        command: The command line.
        seed: The seed in use (drawn if the config says -1).
        warnings: Every warning so far; they end up in results.json.
        sweep: Folder of the sweep that the job belongs to; None for a single run.
        loggers: Those that have been started, beside metrics.csv.
        searched: Whether it is a trial of a search, which goes by what the task returns.
        pinned: {group or dotted key: (what the chosen experiment sets it to, what was typed over it or None)}.
        lock: Held as long as the run goes on, so that nobody resumes it meanwhile.
        watch: Sums where the time of the run goes.
    """

    cfg: dict[str, Any]
    make: Callable[..., Any]
    folder: Path
    typed: set[str]
    command: str
    seed: int
    warnings: list[str] = field(default_factory=list)
    sweep: Path | None = None
    loggers: list[Any] = field(default_factory=list)
    searched: bool = False
    pinned: dict[str, tuple[Any, str | None]] = field(default_factory=dict)
    lock: Any = None
    watch: Stopwatch = field(default_factory=Stopwatch)


def refuse_idle(job: Job, matters: tuple[str, ...], task: str) -> None:
    """Refuse what is typed and does nothing in a task.

    Args:
        job: The run.
        matters: Keys and groups that do something.
        task: What the others have no effect on, and why.

    Raises:
        InputError: With a line for each such key.
    """
    matters = (*matters, "console")
    idle = sorted(key for key in job.typed if not any(f"{key}.".startswith(f"{each}.") for each in matters))
    if idle:
        raise InputError(*(f"{key}: has no effect on {task}; leave it out" for key in idle))
