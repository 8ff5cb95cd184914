"""task=test: judge a checkpoint, or an untrained network, on every test domain."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import Any

import pytorch_lightning as pl

from geoloc.errors import InputError
from geoloc.lit.datamodule import PlaceDataModule
from geoloc.lit.initialise import initialise
from geoloc.lit.module import PlaceModule
from geoloc.lit.whitening import check_whitening, fit_whitening
from geoloc.tasks import build
from geoloc.tasks.attention import check_named
from geoloc.tasks.banner import say
from geoloc.tasks.calibration import check_calibrating, check_val_named
from geoloc.tasks.finish import judge
from geoloc.tasks.job import Job
from geoloc.tasks.reading import read_domains
from geoloc.tasks.results import model_facts, write_status
from geoloc.tasks.tracking import started_loggers

log = logging.getLogger(__name__)


@dataclass
class Prepared:
    """Everything for a network to describe the test domains.

    Attributes:
        trainer: Has the devices.
        module: Holds the network.
        data: Holds the domains.
        facts: See `model_facts`.
        seconds: Wall time of this.
    """

    trainer: pl.Trainer
    module: PlaceModule
    data: PlaceDataModule
    facts: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)


def do(job: Job) -> float:
    """Run the task.

    Returns:
        Mean recall over the test domains in percent, at the monitored N.
    """
    ready = prepare(job)
    return judge(job, ready.trainer, ready.module, ready.data, ready.facts, ready.seconds)


def prepare(job: Job) -> Prepared:
    """Read the network and the domains, and complete the network where something is fitted to images."""
    start = time.perf_counter()
    started_loggers(job)
    task, whitening = job.cfg["task"], job.cfg["whitening"]
    if whitening["_target_"] and not {"data", "data.path"} & job.typed:
        raise InputError(
            "whitening: is fitted on train images; name the data that the network was trained on, such as"
            " data=pitts30k, or data=folder data.path=PATH"
        )
    check_val_named(job)
    net = build.network(job)
    # Whitening is fitted on train images; else a test needs none.
    stages = (("train",) if whitening["_target_"] else ()) + build.tested_stages(job)
    domains = read_domains(job, stages)
    if not domains["test"]:
        raise InputError(f"task={task}: no test domain; give domains@test=[...], test_folders=[PATH] or data=...")
    build.check_tuning(job, domains)
    check_calibrating(job, domains)
    check_named(job.cfg["attention"], domains["test"])
    data = build.datamodule(job, domains, net)
    module = build.module(job, net)
    trainer = build.trainer(job, [])
    weights = job.cfg["checkpoint"]
    if not weights:
        weights, trained = build.start_of(net)
        if not trained:
            log.warning(
                "no checkpoint: an UNTRAINED network is judged (backbone weights: %s; its clusters, and batch-norm"
                " statistics of random weights, come from %s)",
                weights,
                domains["test"][0].name,
            )
            initialise(net, data, domains["test"][0], net.mean.device, job.seed)
    if whitening["_target_"]:
        check_whitening(net, whitening, data)
        fit_whitening(net, whitening, data, trainer, job.seed)
        if trainer.is_global_zero:
            net.save(job.folder, {"weights": weights, "command": job.command})
    facts = model_facts(net, weights)
    say(job, trainer, net, data, facts)
    write_status(job, "running", model=facts)
    job.watch.book("preparation")
    return Prepared(trainer, module, data, facts, {"data": time.perf_counter() - start})
