"""The entrance: `python -m geoloc.run [overrides]`. Compose, check, do one task, close.

Exit code 0: the job was done. 2: wrong config or input, one line a problem. 1: a failure while running, or a check that
has found what would spoil results.
"""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from geoloc.console import choose, level_of
from geoloc.errors import InputError, let_go
from geoloc.folders import conf_folder, datasets_folder, made, new_folder, new_job
from geoloc.messages import one_line, pasteable, say, wrongly_asked
from geoloc.resume import lock_run, refuse_drift, resumed_arguments
from geoloc.textfiles import write_whole

if TYPE_CHECKING:
    from geoloc.tasks.job import Job

log = logging.getLogger(__name__)
# What ended a single run.
FAILURES: list[Exception] = []
# Loggers whose warnings are kept in results.json.
COLLECTED = ("geoloc", "py.warnings")
# Lightning's advice that does not hold here: layers are frozen on purpose, and recalls are exact on several devices.
BESIDE_THE_POINT = (
    "Found .* in eval mode",
    ".*sync_dist=True",
    "Using `DistributedSampler`",
    "Checkpoint directory .* exists",
    "The `srun` command is available",
)


# Cached by Hydra, so all processes and jobs of one command see the same folder.
OmegaConf.register_new_resolver("new_folder", new_folder, use_cache=True)
OmegaConf.register_new_resolver("new_job", new_job, use_cache=True)
OmegaConf.register_new_resolver("made", made)
OmegaConf.register_new_resolver("datasets_folder", datasets_folder)
OmegaConf.register_new_resolver("console_level", level_of)
OmegaConf.register_new_resolver("times", lambda number, factor: number * factor)


@hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="config")
def run_job(cfg: DictConfig) -> float | None:
    """One job in its folder; Hydra has composed `cfg` and made the folder."""
    try:
        return _run(cfg)
    except Exception as error:
        if isinstance(error, InputError) and _is_first_trial():
            # What was typed is wrong, for all trials alike; a trial that fails later on does not end the search.
            say(error)
            raise SystemExit(2) from error
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            let_go(error)  # Hydra keeps it until the sweep ends
            raise
        FAILURES.append(error)  # Hydra would add a line of its own to ours
        return None


def _is_first_trial() -> bool:
    """Whether this is the first trial of a search, in the process that searches."""
    from geoloc.config import search_direction

    hydra_config = HydraConfig.get()
    here = hydra_config.runtime.choices.get("hydra/launcher") == "basic"
    return search_direction() is not None and hydra_config.job.num == 0 and here


def _run(cfg: DictConfig) -> float | None:
    from geoloc.config import problems

    found = problems(cfg)
    if found:
        _refuse(found)
    job = _job(cfg)
    exit_code, result = 1, None
    try:
        result = _do(job)
        if result is not None and not math.isfinite(result):  # no search may take it for the best
            raise ArithmeticError(f"the recall that decides is {result}")
        exit_code = 0
    except BaseException as error:
        from geoloc.tasks.failure import note_failure

        exit_code = _exit_code(error)
        note_failure(job, error)
        raise
    finally:
        _close(job, exit_code, result)
    return result


def _refuse(found: list[str]) -> None:
    """Leave word in the run's folder, so that a sweep's leaderboard tells of this job too, and stop."""
    path = Path(HydraConfig.get().runtime.output_dir) / "results.json"
    if not path.is_file():  # there is one if this was to resume a run
        content = {"status": "failed", "error": "; ".join(found)}
        write_whole(path, json.dumps(content, indent=1) + "\n")
    _update_leaderboard(path.parent)
    raise InputError(*found)


def _update_leaderboard(folder: Path) -> None:
    """Bring leaderboard and study of the sweep that the job belongs to up to date; nothing to do for a single run."""
    if HydraConfig.get().mode == RunMode.MULTIRUN or (folder.parent / "leaderboard.csv").is_file():
        from geoloc.report.sweep.files import write_sweep_files

        try:
            write_sweep_files(folder.parent)
            log.info("all jobs so far: %s", folder.parent / "leaderboard.html")
        except Exception as error:  # the job itself is not to be lost for its table
            log.warning("%s: the leaderboard is not up to date: %s", folder.parent, one_line(error))
            log.debug("traceback", exc_info=error)


def _job(cfg: DictConfig) -> Job:
    from geoloc.config import command_line_keys, instantiate, pinned_keys, plain, search_direction, typed_keys
    from geoloc.logs import Collector
    from geoloc.tasks.job import Job

    hydra_config = HydraConfig.get()
    content = plain(cfg)
    folder = Path(hydra_config.runtime.output_dir)
    seed = content["seed"] if content["seed"] >= 0 else _drawn_seed(folder)
    command = "python -m geoloc.run " + pasteable(hydra_config.overrides.task)
    sweep = folder.parent if hydra_config.mode == RunMode.MULTIRUN else None
    job = Job(content, instantiate, folder, typed_keys(), command.strip(), seed, sweep=sweep, pinned=pinned_keys())
    job.searched, job.lock = search_direction() is not None, lock_run(folder)
    choose(content["console"], content["trainer"]["enable_progress_bar"])
    logging.captureWarnings(True)
    # What libraries deprecate is for the people who build geoloc, and tests show it to them.
    for category in (DeprecationWarning, FutureWarning):
        warnings.simplefilter("ignore", category)
    for message in BESIDE_THE_POINT:
        warnings.filterwarnings("ignore", message)
    for name in COLLECTED:
        logging.getLogger(name).addHandler(Collector(job.warnings))
    if content["resume"]:
        refuse_drift(cfg, folder, command_line_keys())
    return job


def _drawn_seed(folder: Path) -> int:
    """The seed that an interrupted run has drawn, else a new one."""
    from geoloc.tasks.results import read_results

    return read_results(folder).get("environment", {}).get("seed", int.from_bytes(os.urandom(4), "little"))


def _do(job: Job) -> float | None:
    from importlib import import_module

    import pytorch_lightning as pl

    from geoloc.extraction.allocator import keep_freed_memory

    for name in ("pytorch_lightning", "faiss"):  # they set their own levels when they are imported
        logging.getLogger(name).setLevel(logging.WARNING)
    log.info("%s\nfolder: %s, seed %d", job.command, job.folder, job.seed, extra={"whole": True})
    if job.cfg["reuse_memory"]:
        keep_freed_memory()
    pl.seed_everything(job.seed, workers=True, verbose=False)
    return import_module(f"geoloc.tasks.{job.cfg['task']}").do(job)


def _exit_code(error: BaseException) -> int:
    """What the process ends with if this ends it."""
    if isinstance(error, (KeyboardInterrupt, SystemExit)):
        return 130
    wrong = isinstance(error, InputError) or type(error).__name__ == "MisconfigurationException" or wrongly_asked(error)
    return 2 if wrong else 1


def _close(job: Job, exit_code: int, result: float | None) -> None:
    """End the tracker's run, so that a sweep's next job gets one of its own, and bring the leaderboard up to date."""
    if job.loggers:
        from geoloc.tasks.tracking import end_loggers

        end_loggers(job, exit_code, result)
    for name in COLLECTED:
        for handler in list(logging.getLogger(name).handlers):
            logging.getLogger(name).removeHandler(handler)
    _update_leaderboard(job.folder)


def main() -> None:
    """Run from the command line."""
    traceback_wanted = os.environ.get("HYDRA_FULL_ERROR") == "1"
    # Hydra then hands exceptions over instead of printing them and exiting with 1.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` and time limits end a job as Ctrl-C does
    try:
        sys.argv[1:] = resumed_arguments(sys.argv[1:])
        try:
            run_job()
        finally:
            sys.stdout.flush()  # what is still to be written may meet a broken pipe too
        if FAILURES:
            raise FAILURES[0]
    except (HydraException, OmegaConfBaseException, InputError) as error:
        say(error)
        sys.exit(2)
    except (KeyboardInterrupt, SystemExit) as stop:
        # Lightning turns Ctrl-C into an exit; Hydra's own exits, as that of --help, are none of ours.
        sys.exit(130 if isinstance(stop, KeyboardInterrupt) or hasattr(stop, "geoloc_logged") else stop.code)
    except BrokenPipeError:  # whoever read the output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains once more at its end
        sys.exit(1)
    except Exception as error:
        if traceback_wanted:
            raise
        say(error)
        sys.exit(_exit_code(error))


if __name__ == "__main__":
    main()
