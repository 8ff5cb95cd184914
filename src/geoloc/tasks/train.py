"""task=train: train, keep the best checkpoint, test it on every test domain, write the report."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from geoloc.backbones.backbone import Backbone
from geoloc.checkpoints import load_network
from geoloc.errors import InputError
from geoloc.lit.checkpoints import Checkpoint, EpochTable, Patience, best_checkpoint, last_checkpoint
from geoloc.lit.initialise import Initialise
from geoloc.lit.maps import FrozenMaps, check_parted
from geoloc.lit.mining import MineTriplets
from geoloc.lit.pace import Pace
from geoloc.lit.parameter_groups import parameter_groups
from geoloc.lit.whitening import check_whitening, fit_whitening
from geoloc.net import DescriptorNet
from geoloc.tasks import build
from geoloc.tasks.attention import check_named
from geoloc.tasks.banner import say
from geoloc.tasks.calibration import check_calibrating
from geoloc.tasks.finish import judge
from geoloc.tasks.job import Job
from geoloc.tasks.reading import read_domains
from geoloc.tasks.results import model_facts, read_results, write_status
from geoloc.tasks.tracking import started_loggers
from geoloc.tasks.unreadable import skip_unreadable

log = logging.getLogger(__name__)


def do(job: Job) -> float:
    """Run the task.

    Returns:
        Best mean validation recall in percent (of `monitor`); the mean test recall if nothing was validated.
    """
    start = time.perf_counter()
    started_loggers(job)
    net = _network(job)
    domains = read_domains(job, ("train", "val", "test"))
    build.check_tuning(job, domains)
    check_calibrating(job, domains)
    check_named(job.cfg["attention"], domains["test"])
    skipped = skip_unreadable(job, domains)
    if net.whitening is not None:
        log.warning(
            "the whitening of checkpoint=%s does not fit a network that is trained on: it is left out",
            job.cfg["checkpoint"],
        )
        net.drop_whitening()
    data = build.datamodule(job, domains, net)
    whitening = job.cfg["whitening"]
    if whitening["_target_"]:
        check_whitening(net, whitening, data)
    module = build.module(job, net)
    seconds = {"data": time.perf_counter() - start}
    facts = model_facts(net, job.cfg["checkpoint"] or build.start_of(net)[0])
    write_status(job, "running", model=facts, **skipped)

    folder, limit = job.folder / "descriptors", job.cfg["frozen_maps"]
    maps = FrozenMaps(limit, folder / "maps.npy") if limit else None
    mining = MineTriplets(job.make(job.cfg["miner"]), job.seed, folder, maps)
    callbacks, kept = _callbacks(job, bool(domains["val"]), mining)
    trainer = build.trainer(job, callbacks)
    say(job, trainer, net, data, facts)
    if not _has_trained(job):
        start = time.perf_counter()
        trainer.fit(module, datamodule=data, ckpt_path=_resumed(job))
        seconds |= {"train": time.perf_counter() - start, "of which mining": mining.seconds}
    if not trainer.fast_dev_run:  # type: ignore[attr-defined]
        chosen = _chosen(job.folder / "checkpoints", bool(domains["val"]))
        net.load_state_dict(load_network(chosen, {}, set(), training=True).state_dict())
        weights = f"trained by this run, {chosen.name}; started from {facts['weights']}"
        facts = _keep(job, trainer, net, weights)
        if whitening["_target_"]:
            fit_whitening(net, whitening, data, trainer, job.seed)
            facts = _keep(job, trainer, net, weights)
    recall = judge(job, trainer, module, data, facts, seconds)
    return recall if kept.best_model_score is None else float(kept.best_model_score)


def _network(job: Job) -> DescriptorNet:
    """The network that is trained.

    Raises:
        InputError: It cannot be trained as the config says.
    """
    net = build.network(job)
    if job.cfg["freeze_batch_norm"]:
        if not isinstance(net.backbone, Backbone):
            raise InputError(f"freeze_batch_norm: {type(net.backbone).__name__} does not derive from geoloc's Backbone")
        net.backbone.fixed_statistics = True
    if job.cfg["frozen_maps"]:
        check_parted(net)
    parameter_groups(net, job.cfg["lr_factors"])  # refuses factors of parts that train nothing
    return net


def _keep(job: Job, trainer: pl.Trainer, net: DescriptorNet, weights: str) -> dict[str, Any]:
    """Write the trained network down, and return its facts."""
    facts = model_facts(net, weights)
    if trainer.is_global_zero:
        net.save(job.folder, {"weights": weights, "command": job.command})
        write_status(job, "testing", model=facts, trained_for=job.cfg["trainer"]["max_epochs"])
    return facts


def _has_trained(job: Job) -> bool:
    """Whether the run that is resumed was interrupted after its training, and is not to be trained further."""
    trained_for = read_results(job.folder).get("trained_for")
    return bool(job.cfg["resume"]) and trained_for == job.cfg["trainer"]["max_epochs"]


def _chosen(folder: Path, validated: bool) -> Path:
    """The checkpoint to be tested: the best one, or the last one where nothing was validated."""
    best = folder / "best.ckpt"
    if validated and not best.is_file():
        log.warning("no validation took place in so few epochs: the last network is tested")
    return best if best.is_file() else folder / "last.ckpt"


def _callbacks(job: Job, validated: bool, mining: MineTriplets) -> tuple[list[Callback], Checkpoint]:
    """All callbacks in the order in which they act, and the one that keeps the checkpoint to be tested."""
    folder = job.folder / "checkpoints"
    callbacks: list[Callback] = [EpochTable(job.folder / "metrics.csv"), Pace(), mining]
    if mining.maps is not None:
        callbacks.append(mining.maps)
    if not (job.cfg["checkpoint"] or job.cfg["resume"]):
        callbacks.insert(0, Initialise(job.seed))
    last = last_checkpoint(folder)
    if not validated:
        if job.searched:
            raise InputError(
                "val: there is no validation domain, whose recall a search goes by; type domains@val=[...] or"
                " val_folder=PATH"
            )
        if (job.cfg["scheduler"]["_target_"] or "").endswith("ReduceLROnPlateau"):
            raise InputError("scheduler=plateau: watches the validation recall, but there is no validation domain")
        log.warning("there is no validation domain: all epochs are trained and the last network is tested")
        return [*callbacks, last], last
    monitor = f"val/{job.cfg['monitor']}_mean"
    stop = Patience(monitor, patience=job.cfg["patience"], mode="max", check_on_train_epoch_end=False)
    best = best_checkpoint(folder, monitor)
    return [*callbacks, stop, best, last], best


def _resumed(job: Job) -> str | None:
    return str(Path(job.cfg["resume"]) / "checkpoints" / "last.ckpt") if job.cfg["resume"] else None
