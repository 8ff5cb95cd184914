"""Run a task in the process of the test, with what is typed composed and checked as on the command line."""

from __future__ import annotations

import hashlib
from importlib import import_module
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import open_dict
from pytorch_lightning import seed_everything

from geoloc.config import command_line_keys, instantiate, plain, problems
from geoloc.errors import InputError
from geoloc.run import conf_folder
from geoloc.tasks.job import Job


def work(folder: Path, *typed: str) -> Path:
    """Do the task that is typed, in a new folder.

    Raises:
        InputError: As the command line would print it.
    """
    folder.mkdir(parents=True)
    job = job_of(folder, *typed)
    seed_everything(job.seed, workers=True, verbose=False)
    import_module(f"geoloc.tasks.{job.cfg['task']}").do(job)
    return folder


def job_of(folder: Path, *typed: str) -> Job:
    """What a task gets."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        cfg = compose("config", list(typed), return_hydra_config=True)
    with open_dict(cfg):
        cfg.hydra.runtime.output_dir = str(folder)
        cfg.hydra.mode = "RUN"
        cfg.hydra.overrides.task = list(typed)
    HydraConfig.instance().set_config(cfg)
    with open_dict(cfg):
        del cfg["hydra"]
    found = problems(cfg)
    if found:
        raise InputError(*found)
    content = plain(cfg)
    return Job(content, instantiate, folder, command_line_keys(), "in a test", content["seed"])


def content_of(folder: Path) -> dict[str, str]:
    """Relative path -> hash, of all files in a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
