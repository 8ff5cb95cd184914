"""The end of training and the whole of testing: judge the network on every test domain and write everything down."""

from __future__ import annotations

import logging
import time
from typing import Any

import numpy as np
import pytorch_lightning as pl

from geoloc.lit.datamodule import PlaceDataModule
from geoloc.lit.module import PlaceModule
from geoloc.lit.pace import tell_shares
from geoloc.report.page import write_page
from geoloc.tasks.attention import draw_attention
from geoloc.tasks.job import Job
from geoloc.tasks.results import write_results
from geoloc.tasks.table import print_table
from geoloc.tasks.tracking import publish
from geoloc.tuning import tunable

log = logging.getLogger(__name__)


def judge(
    job: Job,
    trainer: pl.Trainer,
    module: PlaceModule,
    data: PlaceDataModule,
    facts: dict[str, Any],
    seconds: dict[str, float],
) -> float:
    """Test and report.

    Args:
        job: The run.
        trainer: Has the devices.
        module: Its network is judged as it is.
        data: Holds the test domains.
        facts: See `model_facts`.
        seconds: Wall time of the stages before.

    Returns:
        Mean recall over the test domains in percent, at the monitored N; 0 if there is no test domain.
    """
    start = time.perf_counter()
    job.watch.book("rest")
    before = dict(job.watch.seconds)
    if trainer.fast_dev_run:  # type: ignore[attr-defined]
        log.warning("trainer.fast_dev_run: one batch of everything was run and nothing was judged")
    elif data.domains["test"]:
        if tunable(module.evaluation.steps):
            log.info("post-processing is tuned on %s", ", ".join(domain.name for domain in data.domains["val"]))
            data.tested = "val"
            trainer.test(module, datamodule=data, verbose=False)
            data.tested = "test"
        trainer.test(module, datamodule=data, verbose=False)
        job.watch.book("rest")
        tell_shares("the test", job.watch.since(before), "test")
    else:
        log.warning("there is no test domain: nothing was judged")
    seconds = seconds | {"test": time.perf_counter() - start}
    if not trainer.is_global_zero:
        return 0.0
    write_results(job, facts, module.results, seconds, module.tuned_on, module.evaluation.tuned)
    module.evaluation.close(module.keep_descriptors)
    if module.results:
        print_table(module.results)
        if job.cfg["attention"]:
            device = trainer.strategy.root_device
            draw_attention(job.folder, module.net, module.results, job.cfg["attention"], device)
        log.info("report: %s", write_page(job.folder, job.cfg["report_queries"]))
        publish(job, module.results)
    if job.warnings:
        many = "s" * (len(job.warnings) > 1)
        log.info("%d warning%s, kept in %s", len(job.warnings), many, job.folder / "results.json")
    n = int(job.cfg["monitor"][1:])
    return float(np.mean([result.scores.recalls[n] for result in module.results.values()])) if module.results else 0.0
