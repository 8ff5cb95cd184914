"""task=describe: describe the images of every test domain and keep the descriptors; task=search goes on from them."""

from __future__ import annotations

import logging
import time

from geoloc.errors import InputError
from geoloc.tasks import build
from geoloc.tasks.job import Job
from geoloc.tasks.results import described_facts, write_status
from geoloc.tasks.test import prepare

log = logging.getLogger(__name__)


def do(job: Job) -> None:
    """Run the task; descriptors/<domain>.npy holds the database and then every crop of every query."""
    _refuse_idle(job)
    ready = prepare(job)
    start = time.perf_counter()
    ready.module.judged, ready.module.keep_descriptors = False, True
    ready.trainer.test(ready.module, datamodule=ready.data, verbose=False)
    seconds = ready.seconds | {"describe": time.perf_counter() - start}
    if ready.trainer.is_global_zero:
        domains = ready.data.domains["test"]
        write_status(
            job,
            "finished",
            protocol=ready.module.evaluation.protocol,
            domains={domain.name: described_facts(domain) for domain in domains},
            fingerprints={domain.name: domain.fingerprint() for domain in domains},
            seconds={stage: round(value, 2) for stage, value in seconds.items()},
        )
        ready.module.evaluation.close(keep=True)
        log.info("descriptors: %s; search them by task=search run=%s", job.folder / "descriptors", job.folder)


def _refuse_idle(job: Job) -> None:
    """Refuse what is of the search, or against the purpose of the task."""
    typed = {key.split(".")[0] for key in job.typed}
    idle = sorted(typed & {"index", "report_queries", "saved_predictions"}) + ["postprocess"] * bool(build.steps(job))
    if idle:
        raise InputError(f"{idle[0]}: has no effect on task=describe, which searches nothing; give it to task=search")
    if not job.cfg["keep_descriptors"]:
        raise InputError("keep_descriptors=false: task=describe does nothing but keep them")
