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
from geoloc.tasks.calibration import fit_on_val, left_by_training, protocol_now, wanted, with_positions
from geoloc.tasks.job import Job
from geoloc.tasks.results import write_results
from geoloc.tasks.table import print_table, tell_positions
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
        _look_at_val(job, trainer, module, data, facts["digest"])
        trainer.test(module, datamodule=data, verbose=False)
        job.watch.book("rest")
        tell_shares("the test", job.watch.since(before), "test")
    else:
        log.warning("there is no test domain: nothing was judged")
    seconds = seconds | {"test": time.perf_counter() - start}
    if not trainer.is_global_zero:
        return 0.0
    asked = protocol_now(job, module, data)
    module.results, used = with_positions(job, module.results, module.net.calibration, facts["digest"], asked)
    tuned_on = module.tuned_on if module.evaluation.tuned else {}
    write_results(job, facts, module.results, seconds, tuned_on, module.evaluation.tuned, used)
    module.evaluation.close(module.keep_descriptors)
    if module.results:
        print_table(module.results)
        tell_positions(module.results)
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


def _look_at_val(job: Job, trainer: pl.Trainer, module: PlaceModule, data: PlaceDataModule, model: str) -> None:
    """Tune post-processing on the val domains, and fit a calibration, where either is wanted.

    The domains are described as the test describes its own, unless training has left all that is needed.
    """
    tuning, fitting = tunable(module.evaluation.steps), wanted(job)
    names = ", ".join(domain.name for domain in data.domains["val"])
    if fitting and not names:
        log.warning("no calibration, so photos are located without a confidence: there is no val domain to fit it on")
        fitting = False
    found = left_by_training(module, data, model) if fitting else {}
    if tuning or (fitting and not found):
        what = " and ".join(["post-processing is tuned"] * bool(tuning) + ["a calibration is fitted"] * fitting)
        log.info("%s on %s", what, names)
        module.evaluation.calibrating, data.tested = fitting, "val"
        trainer.test(module, datamodule=data, verbose=False)
        data.tested = "test"
        found = module.evaluation.ordered
    if fitting:
        fit_on_val(job, module, data, model, found)
