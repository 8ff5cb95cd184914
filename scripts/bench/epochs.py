"""Whether memory grows over epochs of training with mining, validation and loaders' workers, in a fresh process.

    python scripts/bench/epochs.py [--epochs 8] [--places 24] [--workers 2] [--json PATH]

Prints after each epoch the memory in use, by this process and by all of its workers (at most, looked at twenty times a
second; pages that they share count once for each), and the slope over the epochs after the first two in MiB an epoch.
Flat is right: what stays is what the first epochs have put in place. Photos are patterns drawn here. Linux only.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from items import photos
from pytorch_lightning.callbacks import Callback

from geoloc.data.domains import folder
from geoloc.extraction.describer import Describer
from geoloc.index.exact import Exact
from geoloc.lit.checkpoints import AtomicFiles, EpochTable, best_checkpoint, last_checkpoint
from geoloc.lit.datamodule import PlaceDataModule
from geoloc.lit.evaluation import Evaluation
from geoloc.lit.mining import MineTriplets
from geoloc.lit.module import PlaceModule
from geoloc.lit.pace import Pace
from geoloc.losses.triplet import Triplet
from geoloc.memory import resident_memory
from geoloc.mining.partial import Partial
from geoloc.net import DescriptorNet

WARM, MIB = 2, 2**20
SIZE = (64, 64)
SPEC = {
    "backbone": {"_target_": "geoloc.backbones.resnet.ResNet", "depth": 18, "weights": "none"},
    "aggregator": {"_target_": "geoloc.aggregators.netvlad.NetVLAD", "clusters": 8},
    "image_size": list(SIZE),
}


def slope(values: list[float], warm: int = WARM) -> float:
    """Of the straight line through the values after the first `warm`, by least squares.

    Example:
        >>> round(slope([90.0, 5.0, 10.0, 12.0, 14.0]), 3)
        2.0
    """
    kept = values[warm:]
    return float(np.polyfit(np.arange(len(kept)), kept, 1)[0])


def children(process: str = "self") -> list[str]:
    """Ids of the processes that a process has started, and of those that these have."""
    own = [child for path in Path(f"/proc/{process}/task").glob("*/children") for child in path.read_text().split()]
    return own + [each for child in own if Path(f"/proc/{child}").is_dir() for each in children(child)]


def held_by(process: str) -> int:
    """Bytes of memory of a process; 0 if it has ended."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * 4096
    except (OSError, IndexError):
        return 0


class Memory(Callback):
    """Notes memory after each epoch: [own, most of all workers together since the last time] in MiB."""

    def __init__(self) -> None:
        self.epochs: list[list[float]] = []
        self.most = 0
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            with suppress(OSError):  # a process has ended while it was looked at
                self.most = max(self.most, sum(map(held_by, children())))
            time.sleep(0.05)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """All of the epoch before is over, its mining and checkpoints too."""
        if trainer.current_epoch:
            self._note()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The same of the last epoch."""
        self._note()

    def _note(self) -> None:
        self.epochs.append([(resident_memory() or 0) / MIB, self.most / MIB])
        self.most = 0


def write_city(root: Path, places: int) -> Path:
    """Train and val splits of places 100 m apart, each with two photos in the database and a query."""
    root.mkdir()
    drawn = photos(root, SIZE, 3 * places)  # all differ: a query's own photo would be no positive
    for split, first in (("train", 500_000), ("val", 540_000)):
        for number, path in enumerate(drawn):
            place, shift = divmod(number, 3)
            side = root / "images" / split / ("queries" if shift == 2 else "database")
            side.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, side / f"@{first + 100 * place + shift}@4000000@17@T@.jpg")
    return root


def train(work: Path, epochs: int, places: int, workers: int) -> list[list[float]]:
    """Train, and return what `Memory` has noted."""
    torch.manual_seed(0)
    city, memory = write_city(work / "city", places), Memory()
    data = PlaceDataModule(
        folder(city, "train"), [folder(city, "val")], [], SIZE, infer_batch_size=8, num_workers=workers
    )
    module = PlaceModule(
        DescriptorNet.from_spec(SPEC),
        Triplet(),
        lambda parameters: torch.optim.Adam(parameters, 1e-4),
        None,
        Evaluation(Exact(), [1, 5], 25.0, 5, work / "descriptors", precision="float32"),
        "R1",
        describer=Describer("float32"),
    )
    kept = [best_checkpoint(work / "kept", "val/R1_mean"), last_checkpoint(work / "kept")]
    mining = MineTriplets(Partial(places, 5), 0, work / "descriptors")
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        callbacks=[EpochTable(work / "metrics.csv"), Pace(), mining, memory, *kept],
        plugins=[AtomicFiles()],
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=str(work),
    )
    trainer.fit(module, datamodule=data)
    return memory.epochs


def measure(epochs: int = 8, places: int = 24, workers: int = 2) -> dict[str, Any]:
    """Train in a fresh process.

    Returns:
        `own` and `workers`: MiB after each epoch; `own_slope` and `workers_slope`: MiB an epoch.
    """
    options = [f"--{name}={value}" for name, value in (("epochs", epochs), ("places", places), ("workers", workers))]
    done = subprocess.run([sys.executable, __file__, "--one", *options], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError((done.stderr.strip() or "failed").splitlines()[-1])
    own, others = (list(column) for column in zip(*json.loads(done.stdout.splitlines()[-1]), strict=True))
    return {"own": own, "workers": others, "own_slope": slope(own), "workers_slope": slope(others)}


def main() -> None:
    """Print a line an epoch, and the slopes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=8, help="at least 4")
    parser.add_argument("--places", type=int, default=24, help="three photos each in train and in val")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        logging.disable(logging.WARNING)
        with tempfile.TemporaryDirectory() as work:
            print(json.dumps(train(Path(work), given.epochs, given.places, given.workers)))
        return
    found = measure(given.epochs, given.places, given.workers)
    for epoch, (own, others) in enumerate(zip(found["own"], found["workers"], strict=True)):
        print(f"epoch {epoch:2}: own {own:7.1f} MiB, workers {others:7.1f} MiB")
    print(f"slope after {WARM}: own {found['own_slope']:+.2f}, workers {found['workers_slope']:+.2f} MiB an epoch")
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
