"""task=test: judge a checkpoint, or an untrained network, on every test domain."""

from __future__ import annotations

import logging
import time

from geoloc.errors import InputError
from geoloc.lit.initialise import initialise
from geoloc.lit.whitening import check_whitening, fit_whitening
from geoloc.tasks import build
from geoloc.tasks.finish import judge
from geoloc.tasks.job import Job
from geoloc.tasks.results import describe_model, model_facts, write_status

log = logging.getLogger(__name__)


def do(job: Job) -> float:
    """Run the task.

    Returns:
        Mean recall over the test domains in percent, at the monitored N.
    """
    start = time.perf_counter()
    whitening = job.cfg["whitening"]
    if whitening["_target_"] and not {"data", "data.path"} & job.typed:
        raise InputError(
            "whitening: is fitted on train images; name the data that the network was trained on, such as"
            " data=pitts30k, or data=folder data.path=PATH"
        )
    net = build.network(job)
    # Whitening is fitted on train images; else a test needs none.
    domains = build.read_domains(job, ("train", "test") if whitening["_target_"] else ("test",))
    if not domains["test"]:
        raise InputError("task=test: no test domain; give domains@test=[...], test_folders=[PATH] or data=...")
    data = build.datamodule(job, domains, net)
    module = build.module(job, net)
    trainer = build.trainer(job, [])
    weights = job.cfg["checkpoint"]
    if not weights:
        weights = net.spec["backbone"].get("weights", "none")
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
    log.info(describe_model(facts))
    write_status(job, "running", model=facts)
    return judge(job, trainer, module, data, facts, {"data": time.perf_counter() - start})
