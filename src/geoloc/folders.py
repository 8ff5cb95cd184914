"""Folders of the config, of data sets, runs and sweeps; the latter are made when Hydra resolves their names."""

from __future__ import annotations

import os
from pathlib import Path


def conf_folder() -> Path:
    """The folder conf/: the repository's where there is one (editable install), else the copy inside the package."""
    here = Path(__file__).resolve()
    repository = here.parents[2] / "conf"
    return repository if (repository / "config.yaml").is_file() else here.parent / "conf"


def datasets_folder() -> str:
    """Where data sets lie: $DATASETS_FOLDER, else `datasets` below where the command is given."""
    return str(Path(os.environ.get("DATASETS_FOLDER") or "datasets").expanduser())


def new_folder(wanted: str) -> str:
    """Make a folder that did not exist before: `wanted`, or `wanted_2`, `wanted_3`, ... if it is taken.

    Args:
        wanted: Path; relative to where the command is given.
    """
    number = 1
    while True:
        folder = Path(wanted if number == 1 else f"{wanted}_{number}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return str(folder)


def new_job(sweep: str, wanted: int) -> int:
    """Make the folder of a sweep's next job: number `wanted`, or the next that is free if the sweep is continued.

    Args:
        sweep: The sweep's folder.
        wanted: From 0.

    Returns:
        The number, which is the folder's name.
    """
    while True:
        try:
            (Path(sweep) / str(wanted)).mkdir(parents=True)
        except FileExistsError:
            wanted += 1
        else:
            return wanted


def made(folder: str) -> str:
    """The folder, made unless it is there, for what does not make its own."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    return folder
