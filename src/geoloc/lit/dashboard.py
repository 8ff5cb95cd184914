"""The dashboard of a run at Weights & Biases: what Lightning logs, and tables, page and checkpoint at the end."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from geoloc.errors import InputError
from geoloc.textfiles import read_json, write_whole

log = logging.getLogger(__name__)
OFFLINE = ("offline", "dryrun")
FINISH_S = 600  # seconds that the end of an online run may take
LONGEST_TAG, LONGEST_NAME = 64, 128  # characters that W&B takes
NOT_IN_PROJECT = r"/\#?%:"


class Dashboard(WandbLogger):
    """One W&B run for one job, in the job's folder; a resumed job goes on with its W&B run.

    Args:
        save_dir: The run's folder; W&B's own files lie in `wandb` below it.
        project: Of W&B.
        entity: User or team; None: the one that W&B has on file.
        name: Of the run; None: what is typed for it.
        group: Of several runs; None: the sweep that the job belongs to.
        tags: Words to filter runs by.
        offline: Make no connection; `wandb sync` sends the run later.
        log_model: Send the best checkpoint too, as an artifact.
        worst_queries: Rows of each test domain in the table of the worst queries; 0: no table.

    Raises:
        InputError: The package is not installed, nobody is logged in, or W&B takes no such project, name or tag.
    """

    def __init__(
        self,
        save_dir: str,
        project: str = "geoloc",
        entity: str | None = None,
        name: str | None = None,
        group: str | None = None,
        tags: Sequence[str] = (),
        offline: bool = False,
        log_model: bool = False,
        worst_queries: int = 16,
    ) -> None:
        if find_spec("wandb") is None:
            raise InputError("the package wandb is not installed: pip install wandb, or logger=csv")
        wrong = [tag for tag in tags if not 1 <= len(tag) <= LONGEST_TAG]
        if wrong:
            raise InputError(f"tags: W&B takes 1 to {LONGEST_TAG} characters, not {wrong[0]!r}")
        for key, value in (("project", project), ("name", name or "x")):
            if not 1 <= len(value) <= LONGEST_NAME:
                raise InputError(f"{key}: W&B takes 1 to {LONGEST_NAME} characters, not {value!r}")
        if set(project) & set(NOT_IN_PROJECT):
            raise InputError(f"project: must be without {' '.join(NOT_IN_PROJECT)} at W&B, not {project!r}")
        if worst_queries < 0:
            raise InputError(f"worst_queries: must be at least 0, not {worst_queries}")
        # By the environment variable W&B is offline, or does nothing at all, whatever the config says.
        mode = os.environ.get("WANDB_MODE")
        self.offline = (offline or mode in OFFLINE) and mode != "disabled"
        if not (self.offline or mode == "disabled" or _logged_in()):
            raise InputError("nobody is logged in to W&B here: type `wandb login` once, or use logger=wandb_offline")
        super().__init__(name=name, project=project, save_dir=save_dir)
        self.folder = Path(save_dir)
        self.asked = {"entity": entity, "name": name, "group": group, "tags": list(tags)}
        self.sends_model = log_model
        self.worst_queries = worst_queries
        self.variables: list[str] = []

    @rank_zero_only
    def begin(self, config: dict[str, Any], name: str, group: str | None, job_type: str) -> None:
        """Start the W&B run, or go on with that of the interrupted job.

        Args:
            config: Plain values.
            name: Unless the config gives one.
            group: Likewise.
            job_type: The task.
        """
        import wandb

        record = self.folder / "wandb" / "run.json"
        known = read_json(record)
        (self.folder / "wandb").mkdir(parents=True, exist_ok=True)  # or W&B would write to a folder for scraps
        asked = self.asked | {
            "name": self.asked["name"] or known.get("name") or name[:LONGEST_NAME],
            "group": self.asked["group"] or known.get("group") or group,
        }
        if "WANDB_SWEEP_ID" in os.environ:  # the sweep says where its runs go
            asked.pop("entity")
        else:
            asked |= {"project": self._project, "id": known.get("id")}
        asked |= {"config": config, "job_type": job_type, "dir": str(self.folder)}
        try:
            if self.offline:
                run = self._offline_run(asked)
            else:
                # Without a network the end of a run would wait for one for ever; the run's files can be sent later.
                settings = wandb.Settings(finish_timeout=FINISH_S, quiet=True)  # and yet failures are told
                run = wandb.init(**asked, resume="allow", settings=settings)
        except wandb.Error as error:
            log.warning("W&B: %s; tracked offline: send it with `wandb sync` later", str(error).splitlines()[0])
            run = self._offline_run(asked)
        self._experiment = run
        # One line in place of the forty that W&B would print.
        if run.offline:
            log.info("W&B: offline; send this run by `wandb sync %s`", Path(run.dir).parent)
        elif run.url:
            log.info("W&B: %s", run.url)
        write_whole(record, json.dumps({"id": run.id, "name": asked["name"], "group": asked["group"]}) + "\n")
        run.define_metric("epoch", hidden=True)
        for part in ("train", "val", "mining", "time"):
            run.define_metric(f"{part}/*", step_metric="epoch")

    def _offline_run(self, asked: dict[str, Any]) -> Any:
        """A run that makes no connection and leaves its files in the run's folder alone."""
        import wandb

        # W&B reports its own use over the network, and copies images of tables to the home folder, in offline mode too.
        variables = {
            "WANDB_ERROR_REPORTING": "false",
            "WANDB_DATA_DIR": str((self.folder / "wandb" / "data").resolve()),
        }
        self.variables = [name for name in variables if name not in os.environ]
        os.environ.update({name: variables[name] for name in self.variables})
        wandb.teardown()  # what is running has read the variables already
        return wandb.init(**asked, mode="offline", settings=wandb.Settings(silent=True))

    def log_hyperparams(self, params: Any, *args: Any, **more: Any) -> None:
        """The config is complete since `begin`."""

    def log_table(self, key: str, columns: list[Any], data: list[list[Any]], **more: Any) -> None:  # type: ignore[override]
        """Log a table whose cells are plain values or PIL images."""
        import wandb

        rows = [
            [wandb.Image(cell, file_type="jpg") if isinstance(cell, Image.Image) else cell for cell in row]
            for row in data
        ]
        self.experiment.log({key: wandb.Table(columns=columns, data=rows)})

    def log_page(self, page: Path) -> None:
        """Log report.html, to be read in the browser."""
        import wandb

        self.experiment.log({"report": wandb.Html(str(page), inject=False)})

    def log_checkpoint(self, path: Path, facts: dict[str, Any]) -> None:
        """Send a checkpoint as an artifact.

        Args:
            path: Of the file; it has to stay where it is until an offline run has been sent.
            facts: Plain values that are shown beside it.
        """
        import wandb

        artifact = wandb.Artifact(f"model-{self.experiment.id}", type="model", metadata=facts)
        artifact.add_file(str(path), policy="immutable")  # no copy of it
        self.experiment.log_artifact(artifact, aliases=["best"])

    def log_histogram(self, key: str, values: np.ndarray, epoch: int) -> None:
        """Log a histogram of (P,) values."""
        import wandb

        self.experiment.log({key: wandb.Histogram(values.tolist()), "epoch": epoch})

    def end(self, exit_code: int, objective: float | None) -> None:
        """Finish the W&B run, so that the next job of this process gets one of its own.

        Args:
            exit_code: 0 if the job was done.
            objective: What the task returns, for W&B's sweeps to maximise.
        """
        if self._experiment is None:  # not begun, or another process than the first
            return
        import wandb

        if objective is not None:
            self._experiment.log({"objective": objective})
        self._experiment.finish(exit_code=exit_code)
        self._experiment = None
        wandb.teardown()
        for name in self.variables:
            os.environ.pop(name, None)


def log_histogram(logger: Logger, key: str, values: np.ndarray, epoch: int) -> None:
    """Log a histogram of (P,) values where the logger can."""
    if isinstance(logger, Dashboard):
        logger.log_histogram(key, values, epoch)
    elif isinstance(logger, TensorBoardLogger):
        logger.experiment.add_histogram(key, values, epoch)


def _logged_in() -> bool:
    """Whether W&B finds an API key on this machine; nobody is asked for one."""
    import wandb

    return bool(wandb.login(prompt=False, verify=False))
