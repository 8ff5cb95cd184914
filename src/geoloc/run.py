"""The entrance: `python -m geoloc.run [overrides]`. Compose, check, do one task, close.

Exit code 0: the job was done. 2: wrong config or input, one line a problem. 1: a failure while running.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from geoloc.errors import InputError

if TYPE_CHECKING:
    from geoloc.tasks.job import Job

log = logging.getLogger(__name__)


def conf_folder() -> Path:
    """The folder conf/: the repository's where there is one (editable install), else the copy inside the package."""
    here = Path(__file__).resolve()
    repository = here.parents[2] / "conf"
    return repository if (repository / "config.yaml").is_file() else here.parent / "conf"


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


# Cached by Hydra, so all processes and jobs of one command see the same folder.
OmegaConf.register_new_resolver("new_folder", new_folder, use_cache=True)


@hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="config")
def run_job(cfg: DictConfig) -> float | None:
    """One job in its folder; Hydra has composed `cfg` and made the folder."""
    from geoloc.config import problems

    found = problems(cfg)
    if found:
        _refuse(found)
    job = _job(cfg)
    try:
        return _do(job)
    except BaseException as error:
        _note_failure(job, error)
        raise
    finally:
        _close(job, failed=sys.exc_info()[0] is not None)


def _refuse(found: list[str]) -> None:
    """Leave word in the run's folder, so that a sweep's leaderboard tells of this job too, and stop."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    content = {"status": "failed", "error": "; ".join(found)}
    (folder / "results.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    _update_leaderboard(folder)
    raise InputError(*found)


def _update_leaderboard(folder: Path) -> None:
    """Bring the sweep's leaderboard up to date; nothing to do for a single run."""
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        from geoloc.report.leaderboard import write_leaderboard

        write_leaderboard(folder.parent)


def _job(cfg: DictConfig) -> Job:
    from geoloc.config import instantiate, plain
    from geoloc.logs import Collector
    from geoloc.tasks.job import Job

    hydra_config = HydraConfig.get()
    typed = {override.split("=")[0].lstrip("+~").split(".")[0] for override in hydra_config.overrides.task}
    content = plain(cfg)
    seed = content["seed"] if content["seed"] >= 0 else int.from_bytes(os.urandom(4), "little")
    folder = Path(hydra_config.runtime.output_dir)
    command = "python -m geoloc.run " + " ".join(hydra_config.overrides.task)
    job = Job(content, instantiate, folder, typed, command.strip(), seed)
    logging.captureWarnings(True)
    # What libraries deprecate is for the people who build geoloc, and tests show it to them.
    for category in (DeprecationWarning, FutureWarning):
        warnings.simplefilter("ignore", category)
    warnings.filterwarnings("ignore", "Found .* in eval mode at the start of training")  # frozen layers, on purpose
    logging.getLogger("geoloc").addHandler(Collector(job.warnings))
    if content["resume"]:
        _refuse_drift(cfg, Path(content["resume"]), hydra_config.overrides.task)
    return job


def _do(job: Job) -> float | None:
    from importlib import import_module

    import pytorch_lightning as pl

    for name in ("pytorch_lightning", "faiss"):  # they set their own levels when they are imported
        logging.getLogger(name).setLevel(logging.WARNING)
    log.info("%s\nfolder: %s, seed %d", job.command, job.folder, job.seed)
    pl.seed_everything(job.seed, workers=True, verbose=False)
    return import_module(f"geoloc.tasks.{job.cfg['task']}").do(job)


def _note_failure(job: Job, error: BaseException) -> None:
    """Log the failure and leave it in results.json; whatever was written before stays."""
    from geoloc.tasks.results import write_status

    interrupted = isinstance(error, (KeyboardInterrupt, SystemExit))
    if isinstance(error, InputError):
        for problem in error.problems:
            log.error(problem)
    elif interrupted:
        log.error("interrupted; continue with resume=%s", job.folder)
    else:
        log.error("%s: %s (traceback in %s)", type(error).__name__, error, job.folder / "debug.log")
    log.debug("traceback", exc_info=error)
    error._geoloc_logged = True  # type: ignore[attr-defined]
    write_status(job, "interrupted" if interrupted else "failed", error=f"{type(error).__name__}: {error}")


def _close(job: Job, failed: bool) -> None:
    """End the tracker's run, so that a sweep's next job gets one of its own, and bring the leaderboard up to date."""
    if "wandb" in sys.modules:
        import wandb

        wandb.finish(exit_code=int(failed))
    for handler in list(logging.getLogger("geoloc").handlers):
        logging.getLogger("geoloc").removeHandler(handler)
    _update_leaderboard(job.folder)


def _refuse_drift(cfg: DictConfig, old_run: Path, typed: Sequence[str]) -> None:
    """Refuse to resume if the config means something else today than in the interrupted run."""
    from geoloc.config import flat

    old = OmegaConf.load(old_run / ".hydra" / "config.yaml")
    now, then = flat(OmegaConf.to_container(cfg)), flat(OmegaConf.to_container(old))
    allowed = {"resume", *(override.split("=")[0].lstrip("+~") for override in typed)}
    differ = [
        key
        for key in sorted(now.keys() | then.keys())
        if now.get(key) != then.get(key) and not any(key == a or key.startswith(f"{a}.") for a in allowed)
    ]
    if differ:
        raise InputError(
            f"resume={old_run}: these defaults have changed since that run: {', '.join(differ)};"
            " type them with the values of its .hydra/config.yaml"
        )


def _resumed(arguments: list[str]) -> list[str]:
    """Arguments of a resumed run: what the interrupted run was given, then what is typed now, in the same folder.

    Raises:
        InputError: There is nothing to resume.
    """
    folders = [argument.removeprefix("resume=") for argument in arguments if argument.startswith("resume=")]
    if not folders or folders[-1] in ("", "null"):
        return arguments
    folder = Path(folders[-1].strip("'\""))
    if {"-m", "--multirun"} & set(arguments):
        raise InputError("resume: one run at a time; leave -m out")
    overrides = folder / ".hydra" / "overrides.yaml"
    if not overrides.is_file():
        raise InputError(f"resume={folder}: not the folder of a run (it has no .hydra/overrides.yaml)")
    if not (folder / "checkpoints" / "last.ckpt").is_file():
        raise InputError(f"resume={folder}: interrupted before the end of its first epoch (no checkpoints/last.ckpt)")
    if '"status": "finished"' in (folder / "results.json").read_text(encoding="utf-8"):
        raise InputError(f"resume={folder}: that run has finished; start a new one from checkpoint={folder}")
    typed = [argument for argument in arguments if not argument.startswith("resume=")]
    number = len(list((folder / ".hydra").glob("resumed_*"))) + 1
    quoted = str(folder).replace("\\", "\\\\").replace("'", "\\'")
    inside = [f"resume='{quoted}'", f"hydra.run.dir='{quoted}'", f"hydra.output_subdir=.hydra/resumed_{number}"]
    return [*map(str, OmegaConf.load(overrides)), *typed, *inside]


def main() -> None:
    """Run from the command line."""
    traceback_wanted = os.environ.get("HYDRA_FULL_ERROR") == "1"
    # Hydra then hands exceptions over instead of printing them and exiting with 1.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        sys.argv[1:] = _resumed(sys.argv[1:])
        run_job()
    except (HydraException, OmegaConfBaseException, InputError) as error:
        _say(error)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if traceback_wanted:
            raise
        _say(error)
        sys.exit(1)


def _say(error: Exception) -> None:
    """One line a problem on standard error, unless the job's log has said it."""
    if getattr(error, "_geoloc_logged", False):
        return
    lines = error.problems if isinstance(error, InputError) else [_hydra_line(error)]
    for line in lines:
        sys.stderr.write(f"error: {line}\n")


def _hydra_line(error: Exception) -> str:
    """Hydra's message without its advice to add unknown keys with a plus sign, which are refused here."""
    if isinstance(error, OverrideParseException):
        return f"{error.override}: cannot be read; put the value in quotes, such as \"key='value with (signs) = '\""
    lines = [line.strip() for line in f"{error}\n{error.__cause__ or ''}".splitlines() if line.strip()]
    return "; ".join(line for line in lines if not line.startswith(("To append to", "full_key", "object_type")))


if __name__ == "__main__":
    main()
