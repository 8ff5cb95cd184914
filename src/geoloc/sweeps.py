"""What is wrong with a job as one of a sweep or of a search, though it would be right alone."""

from __future__ import annotations

from typing import Any

WITHOUT_VALUE = ("check", "compare", "demo", "describe", "export", "localize", "report")  # tasks that return nothing


def of_sweep(content: dict[str, Any], direction: str | None) -> list[str]:
    """Check a job of `-m`.

    Args:
        content: The resolved config.
        direction: Of the search that the job is a trial of; None if it is one of a plain sweep.

    Returns:
        One line a problem.
    """
    devices = content["trainer"]["devices"]
    found = []
    if content["task"] == "demo":
        found.append("task=demo: serves a page until it is ended, which is no job of a sweep; start it without -m")
    if str(devices) != "1" and not (isinstance(devices, list) and len(devices) == 1):
        # Lightning starts the other processes with the command line of the whole sweep.
        found.append(
            f"trainer.devices: a job of a sweep trains on one device, not {devices!r}; hydra/launcher=slurm"
            " gives each job its own"
        )
    return found if direction is None else found + _of_search(content, direction)


def _of_search(content: dict[str, Any], direction: str) -> list[str]:
    found = []
    task, trainer = content["task"], content["trainer"]
    if direction != "maximize":
        found.append(
            f"hydra.sweeper.direction: must be maximize, of recall, not {direction}; hparams_search=optuna does so"
        )
    if task in WITHOUT_VALUE:
        found.append(f"task={task}: returns nothing that a search could maximize")
    if task == "train" and trainer.get("fast_dev_run"):
        found.append("trainer.fast_dev_run: judges nothing that a search could maximize")
    elif task == "train" and trainer["max_epochs"] < trainer["check_val_every_n_epoch"]:
        found.append(
            f"trainer.max_epochs: no validation takes place in {trainer['max_epochs']} epochs"
            f" (trainer.check_val_every_n_epoch={trainer['check_val_every_n_epoch']}), and a search goes by it"
        )
    return found
