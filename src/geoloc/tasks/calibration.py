"""The calibration of a network: fitted on the val domains, stored with the model, used on the test domains."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

import yaml

from geoloc.data.domains import Domain
from geoloc.errors import InputError
from geoloc.index.exact import Exact
from geoloc.lit.datamodule import PlaceDataModule
from geoloc.lit.module import PlaceModule
from geoloc.lit.protocol import protocol_of
from geoloc.localization import Located, calibrate, locate
from geoloc.locate.calibration import Calibration
from geoloc.locate.usable import other_voters, usable
from geoloc.net import SPEC_FILE
from geoloc.predictions import Predictions
from geoloc.result import Result
from geoloc.tasks.build import start_of
from geoloc.tasks.job import Job
from geoloc.textfiles import write_whole
from geoloc.views.hard_resize import HardResize

log = logging.getLogger(__name__)
VAL_KEYS = {"val_folder", "domains@val", "data", "data.path"}  # that name val domains
TEST_KEYS = {"test_folders", "domains@test"}


def wanted(job: Job) -> bool:
    """Whether this task fits a calibration, if its val domains allow it."""
    return job.cfg["calibrate"] is True or (job.cfg["calibrate"] == "auto" and job.cfg["task"] == "train")


def check_val_named(job: Job) -> None:
    """Make sure, before any domain is read, that a calibration of a test is fitted on what somebody has named.

    Raises:
        InputError: Test domains are typed, and the val domains are those of the default config.
    """
    if job.cfg["calibrate"] is True and TEST_KEYS & job.typed and not VAL_KEYS & job.typed:
        raise InputError(
            f"calibrate=true: would be fitted on {', '.join(job.cfg['val']) or 'no domain'}, which nobody has named,"
            " for other test domains; name labelled photos like those of the test: domains@val=[...] or val_folder=PATH"
        )


def check_calibrating(job: Job, domains: dict[str, list[Domain]]) -> None:
    """Make sure that there is what a calibration that is asked for can be fitted on.

    Raises:
        InputError: There is no val domain with positions in metres.
    """
    if job.cfg["calibrate"] is not True:
        return
    if not domains.get("val"):
        raise InputError("calibrate=true: needs a val domain; name one (domains@val=[...] or val_folder=PATH)")
    if all(domain.protocol.frames is not None for domain in domains["val"]):
        raise InputError(f"calibrate=true: {domains['val'][0].name} counts frames, and a calibration needs metres")


def left_by_training(module: PlaceModule, data: PlaceDataModule, model: str) -> dict[str, Predictions]:
    """Predictions of the val domains that the validation of these weights has found, where a test finds the same.

    Those of the best epoch are kept as long as the process lives, so the usual run need not describe its val domains
    once more; a resumed one, or one of another view, does.
    """
    plain = isinstance(data.view, HardResize) and module.multiscale is None and not module.evaluation.steps
    if not (plain and isinstance(module.evaluation.index, Exact)):
        return {}
    return {result.domain.name: result.predictions for result in module.validated.of(model)}


def fit_on_val(job: Job, module: PlaceModule, data: PlaceDataModule, model: str, found: dict[str, Predictions]) -> None:
    """Fit a calibration and store it with the model; where that is not possible, warn.

    Args:
        job: The run.
        module: Its network is the one to be calibrated.
        data: Holds the val domains.
        model: Hash of the network.
        found: Name of a val domain -> predictions in the final order.
    """
    net, radius, first = module.net, job.cfg["radius"]["eval"], module.trainer.is_global_zero
    net.calibration = None
    pairs = {
        domain.name: (domain, located)
        for domain in data.domains["val"]
        if (located := locate(domain, found[domain.name], radius)) is not None
    }
    voters = {"voters": min((located.voters for _, located in pairs.values()), default=0)}
    try:
        made = calibrate(pairs, {"model": model, "protocol": protocol_now(job, module, data) | voters})
    except InputError as error:
        if first:
            log.warning("no calibration, so photos are located without a confidence: %s", error)
        return
    net.calibration = made.facts()
    if first:
        log.info("%s", told(made))
        _store(job, module)


def told(made: Calibration) -> str:
    """A line on what a calibration was fitted to, and how good it is."""
    about = made.fitted_on
    return (
        f"calibration fitted on {about['queries']} queries of {', '.join(about['domains'])}, {about['right']} of them"
        f" located within {about['radius_m']:g} m; in cross-validation by place its error (ECE) is {about['ece']:.3f}"
    )


def protocol_now(job: Job, module: PlaceModule, data: PlaceDataModule) -> dict[str, Any]:
    """Plain values that say how the candidates that vote are found; a calibration holds under these."""
    shown = protocol_of(data.image_size, data.view, module.multiscale, data.decode)
    return compared(shown | {"index": job.cfg["index"]}, job.cfg["postprocess"])


def compared(protocol: dict[str, Any], chain: dict[str, Any]) -> dict[str, Any]:
    """What of the `protocol` of results.json, and of the config's chain, a calibration depends on."""
    facts: dict[str, Any] = {
        key: protocol[key] for key in ("views", "multiscale", "decode", "index") if key in protocol
    }
    facts |= {"postprocess": {name: node for name, node in chain.items() if node}}
    return json.loads(json.dumps(facts))  # as it comes back from a file


def with_positions(
    job: Job, results: dict[str, Result], facts: dict[str, Any] | None, model: str, asked: dict[str, Any]
) -> tuple[dict[str, Result], Calibration | None]:
    """Results with the voted positions, and the calibration behind their confidences.

    Args:
        job: The run.
        results: Of each test domain.
        facts: Of the calibration that the network has; None for none.
        model: Hash of the network.
        asked: See `compared`.
    """
    found, warnings = usable(None if job.cfg["calibrate"] is False else facts, model, asked)
    for line in warnings:
        log.warning("%s", line)
    if found is None and "answer_precision" in job.typed:
        log.warning("answer_precision: has no effect, for there is no calibration")
    located = {}
    for name, result in results.items():
        place = locate(result.domain, result.predictions, result.scores.radius_m, found, job.cfg["answer_precision"])
        if place is None:
            log.info("%s: is judged by frames, so its queries are not located in metres", name)
        elif found is not None:
            _warn_of_others(name, place, found)
        located[name] = replace(result, located=place)
    return located, found


def _warn_of_others(name: str, place: Located, found: Calibration) -> None:
    """Warn where a domain is judged by another radius, or located by other candidates, than the fit was."""
    few = other_voters(found, place.voters)
    if few:
        log.warning("%s: %s", name, few)
    if place.radius != found.fitted_on["radius_m"]:
        log.warning(
            "%s: is judged within %g m, and the calibration says how sure a position is to lie within %g m:"
            " confidences are of ANOTHER radius here",
            *(name, place.radius, found.fitted_on["radius_m"]),
        )


def _store(job: Job, module: PlaceModule) -> None:
    """Write the calibration into the run's model.yaml; the model too, if the run holds none."""
    path, net = job.folder / SPEC_FILE, module.net
    if not path.is_file():
        net.save(job.folder, {"weights": str(job.cfg["checkpoint"] or start_of(net)[0]), "command": job.command})
        return
    content = yaml.safe_load(path.read_text(encoding="utf-8")) | {"calibration": net.calibration}
    write_whole(path, yaml.safe_dump(content, sort_keys=False))
