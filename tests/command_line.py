"""How tests call geoloc as a user does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

# A training run on the mini city that takes seconds.
TINY = [
    "data=folder",
    "image_size=[64,64]",
    "backbone.weights=none",
    "aggregator.clusters=4",
    "miner.queries_per_epoch=4",
    "miner.negatives=2",
    "trainer=cpu",
    "trainer.max_epochs=2",
    "trainer.check_val_every_n_epoch=1",
    "trainer.enable_progress_bar=false",
    "num_workers=0",
]


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen:
    """Start `python -m geoloc.run` in a folder."""
    command = [sys.executable, "-m", "geoloc.run", *arguments]
    variables = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.Popen(
        command, cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def geoloc(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Run `python -m geoloc.run` in a folder to its end."""
    job = start(folder, *arguments, **environment)
    printed, errors = job.communicate()
    return subprocess.CompletedProcess(job.args, job.returncode, printed, errors)


def only_run(folder: Path, name: str = "default") -> Path:
    """The one run's folder under logs/<name>."""
    (run,) = (folder / "logs" / name).iterdir()
    return run


def results_of(run: Path) -> dict:
    """results.json of a run."""
    return json.loads((run / "results.json").read_text())
