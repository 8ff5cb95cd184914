"""What photos are located with: a network, its calibration, and the index of a database."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from geoloc.checks.typed import is_released
from geoloc.data.georeferenced import photos_with_positions
from geoloc.errors import InputError
from geoloc.lit.protocol import protocol_of
from geoloc.locate.calibration import Calibration
from geoloc.locate.usable import other_voters, usable
from geoloc.locator import Locator, check_steps
from geoloc.net import DescriptorNet
from geoloc.place_index.index import Index
from geoloc.place_index.storage import MANIFEST
from geoloc.places import PlaceSet
from geoloc.queries import Describing
from geoloc.tasks import build
from geoloc.tasks.calibration import compared
from geoloc.tasks.job import Job, refuse_idle

Found = TypeVar("Found")
log = logging.getLogger(__name__)

# What may be typed: nothing is learned here, and nothing is judged.
MATTERS = (
    *("aggregator", "answer_precision", "backbone", "block", "checkpoint", "coordinates", "database", "decode"),
    *(
        "descriptor_dtype",
        "extraction",
        "head",
        "hub",
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


def open_locator(job: Job, problems: Sequence[str] = ()) -> Locator:
    """The network with its calibration, the database, and how it is searched, as the config names them.

    An index that is not there yet is built in the run's folder, block by block: what a killed run has described is not
    described again by `resume`, and `database=RUN/index` searches it ever after.

    Args:
        job: The run.
        problems: Found already, with which nothing is begun.

    Raises:
        InputError: With a line for each thing that is missing or does not fit.
    """
    cfg, found, steps = job.cfg, list(problems), build.steps(job)
    net = _tried(partial(_network, job), found)
    source = _tried(partial(_source, job), found)
    _tried(partial(check_steps, steps), found)
    if net is None or source is None or found:
        raise InputError(*found)
    net.multiscale = job.make(cfg["multiscale"])
    net.to(build.device(job)).eval()
    view = job.make(cfg["views"])
    how = Describing(view, cfg["extraction"], cfg["infer_batch_size"], cfg["num_workers"], cfg["decode"])
    calibration = _calibration(job, net, how)
    locator = Locator(
        net,
        _index(job, net, source),
        calibration,
        steps,
        cfg["saved_predictions"],
        cfg["answer_precision"],
        radius=cfg["radius"]["eval"],
        engine=job.make(cfg["index"]),
        describing=how,
    )
    few = other_voters(calibration, locator.voters) if calibration else ""
    if few:
        log.warning("%s", few)
    return locator


def _tried(attempt: Callable[[], Found], problems: list[str]) -> Found | None:
    """What an attempt gives; None if it is refused, with the lines that say why among the problems."""
    try:
        return attempt()
    except InputError as error:
        problems += error.problems
        return None


def _network(job: Job) -> DescriptorNet:
    """The network of the checkpoint or of others; or an untrained one that is typed, if it needs no images for that."""
    if not job.cfg["checkpoint"] and "source" not in job.cfg["hub"]:
        typed = {key.split(".")[0] for key in job.typed}
        if not {"backbone", "aggregator"} <= typed:
            raise InputError(
                "checkpoint: must be given: checkpoint=PATH, a run's folder or a .ckpt, or hub=NAME; without one type"
                " backbone=... aggregator=... to try an untrained network, such as backbone=efficientnet_lite0"
                " aggregator=gem"
            )
    net = build.network(job)
    weights, trained = build.start_of(net)
    if not job.cfg["checkpoint"] and not trained:
        if weights == "none" or hasattr(net.aggregator, "initialise"):
            raise InputError(
                "checkpoint: must be given, for random weights or random clusters tell no places apart; untrained, a"
                " backbone with ImageNet weights and aggregator=gem do"
            )
        log.warning("no checkpoint: an UNTRAINED network locates the photos (backbone weights: %s)", weights)
    return net


def _calibration(job: Job, net: DescriptorNet, how: Describing) -> Calibration | None:
    """What turns votes into confidences, if it came with the network and was fitted to it; warns of what is wrong."""
    cfg = job.cfg
    protocol = protocol_of(net.image_size, how.view, net.multiscale, how.decode) | {"index": cfg["index"]}
    asked = compared(protocol, cfg["postprocess"])
    found, warnings = usable(net.calibration, net.digest(), asked)
    for line in warnings:
        log.warning("%s", line)
    if found is None:
        log.warning(
            "without a calibration there is no confidence, no expected error, and no photo counts as unknown; labelled"
            " photos give one: python -m geoloc.run task=test %s calibrate=true val_folder=DATA_SET"
            ' "test_folders=[DATA_SET]", and then checkpoint=RUN, the folder of that run',
            "hub=..." if is_released(cfg["hub"]) else f"checkpoint={cfg['checkpoint'] or 'PATH'}",
        )
    elif "radius.eval" in job.typed:
        log.warning("radius.eval changes nothing: the calibration is of %g m", found.fitted_on["radius_m"])
    return found


def _source(job: Job) -> Path | PlaceSet:
    """The folder of the saved index that the config names, or the photos that it names with their positions."""
    source = Path(job.cfg["database"])
    if (source / MANIFEST).is_file():
        idle = sorted({"coordinates", "descriptor_dtype"} & job.typed)
        if idle:
            raise InputError(
                *(f"{key}: has no effect on database={source}, an index, which has its own" for key in idle)
            )
        return source
    if (source / "index" / MANIFEST).is_file():
        raise InputError(f"database={source}: is a run's folder; its index is database={source / 'index'}")
    return photos_with_positions(source, job.cfg["coordinates"])


def _index(job: Job, net: DescriptorNet, source: Path | PlaceSet) -> Index:
    """The saved index, or one of these photos in the run's folder."""
    if isinstance(source, Path):
        index = Index.load(source, net)
        log.info("database: %d photos of the index %s", len(index), source)
        return index
    own = job.folder / "index"
    how: dict[str, Any] = {
        "precision": job.cfg["extraction"],
        "batch_size": job.cfg["infer_batch_size"],
        "workers": job.cfg["num_workers"],
    }
    try:
        if (own / MANIFEST).is_file():  # of the interrupted run that is resumed
            index = Index.load(own, net)
            added = index.add(source, net, same="skip", save=True, **how)
        else:
            index = Index.build(net, source, own, dtype=job.cfg["descriptor_dtype"], **how)
            added = len(index)
    except InputError as error:
        kept = f"what was described before is kept; resume={job.folder} goes on with it"
        raise InputError(*error.problems, *[kept] * (own / MANIFEST).is_file()) from None
    log.info("database: %d photos described, of %d; database=%s searches them again", added, len(index), own)
    return index
