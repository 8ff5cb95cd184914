"""What photos are located with: a network, its calibration, and the index of a database."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from geoloc.data.images import EXTENSIONS
from geoloc.errors import InputError
from geoloc.locate.calibration import Calibration
from geoloc.locator import Describing, Locator, check_steps
from geoloc.net import DescriptorNet
from geoloc.place_index.index import Index
from geoloc.place_index.storage import MANIFEST
from geoloc.search import check_chain
from geoloc.tasks import build
from geoloc.tasks.job import Job, refuse_idle

log = logging.getLogger(__name__)

# What may be typed: nothing is learned here, and nothing is judged.
MATTERS = (
    *("aggregator", "answer_precision", "backbone", "block", "checkpoint", "coordinates", "database", "decode"),
    *(
        "descriptor_dtype",
        "extraction",
        "head",
        "hydra",
        "image_size",
        "index",
        "infer_batch_size",
        "multiscale",
        "name",
    ),
    *("num_workers", "paths", "postprocess", "pretrained", "radius.eval", "reuse_memory", "saved_predictions", "seed"),
    *("task", "trainer.accelerator", "trainer.enable_progress_bar", "unit_length", "views"),
)


def refuse(job: Job, also: tuple[str, ...], task: str) -> None:
    """Refuse what is typed in vain, and devices beside the first one.

    Args:
        job: The run.
        also: Keys that matter besides `MATTERS`.
        task: What the others have no effect on, and why.

    Raises:
        InputError: With a line for each such key.
    """
    if job.cfg["trainer"]["devices"] not in (1, "auto") or job.cfg["trainer"]["strategy"] != "auto":
        raise InputError("trainer: photos are located on one device; use trainer=default, trainer=cpu or trainer=gpu")
    job.typed.discard("trainer")  # of its choices, accelerator alone is left
    refuse_idle(job, (*MATTERS, *also), task)


def open_locator(job: Job) -> Locator:
    """The network with its calibration, the database, and how it is searched, as the config names them.

    An index that is not there yet is built in the run's folder, block by block: what a killed run has described is not
    described again by `resume`, and `database=RUN/index` searches it ever after.

    Raises:
        InputError: With a line for each thing that is missing or does not fit.
    """
    view, steps = job.make(job.cfg["views"]), build.steps(job)
    check_chain(view, steps)
    check_steps(steps)
    net = _network(job)
    net.multiscale = job.make(job.cfg["multiscale"])
    net.to(build.device(job)).eval()
    calibration = _calibration(job, net)
    index = _index(job, net)
    how = Describing(
        view, job.cfg["extraction"], job.cfg["infer_batch_size"], job.cfg["num_workers"], job.cfg["decode"]
    )
    return Locator(
        net,
        index,
        calibration,
        steps,
        job.cfg["saved_predictions"],
        job.cfg["answer_precision"],
        radius=job.cfg["radius"]["eval"],
        search=job.make(job.cfg["index"]),
        describing=how,
    )


def _network(job: Job) -> DescriptorNet:
    """The network of the checkpoint; or the untrained one that is typed, if it needs no images to be complete."""
    if not job.cfg["checkpoint"]:
        typed = {key.split(".")[0] for key in job.typed}
        if not {"backbone", "aggregator"} <= typed:
            raise InputError(
                "checkpoint: must be given: checkpoint=PATH, a run's folder or a .ckpt; without one type backbone=..."
                " aggregator=... to try an untrained network, such as backbone=efficientnet_lite0 aggregator=gem"
            )
    net = build.network(job)
    if not job.cfg["checkpoint"]:
        weights = net.spec["backbone"].get("weights", "none")
        if weights == "none" or hasattr(net.aggregator, "initialise"):
            raise InputError(
                "checkpoint: must be given, for random weights or random clusters tell no places apart; untrained, a"
                " backbone with ImageNet weights and aggregator=gem do"
            )
        log.warning("no checkpoint: an UNTRAINED network locates the photos (backbone weights: %s)", weights)
    return net


def _calibration(job: Job, net: DescriptorNet) -> Calibration | None:
    """What turns votes into confidences, if it came with the network and was fitted to it."""
    facts: dict[str, Any] | None = getattr(net, "calibration", None)
    return None if facts is None else Calibration.of(facts)


def _index(job: Job, net: DescriptorNet) -> Index:
    """The saved index that the config names, or one of the photos that it names, in the run's folder."""
    source, own = Path(job.cfg["database"]), job.folder / "index"
    how: dict[str, Any] = {
        "precision": job.cfg["extraction"],
        "batch_size": job.cfg["infer_batch_size"],
        "workers": job.cfg["num_workers"],
    }
    if (source / MANIFEST).is_file():
        index = Index.load(source, net)
        log.info("database: %d photos of the index %s", len(index), source)
        return index
    if (source / "index" / MANIFEST).is_file() and not any(
        path.suffix.lower() in EXTENSIONS for path in source.iterdir()
    ):
        raise InputError(f"database={source}: is a run's folder; its index is database={source / 'index'}")
    if (own / MANIFEST).is_file():  # of the interrupted run that is resumed
        index = Index.load(own, net)
        added = index.add(source, net, same="skip", save=True, **how)
        log.info("database: %d photos had been described before, %d now", len(index) - added, added)
    else:
        index = Index.build(
            net, source, own, dtype=job.cfg["descriptor_dtype"], coordinates=job.cfg["coordinates"], **how
        )
        log.info("database: %d photos described; database=%s searches them again", len(index), own)
    return index
