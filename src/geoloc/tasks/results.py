"""What a run leaves behind: predictions and results.json."""

from __future__ import annotations

import json
import platform
import subprocess
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from geoloc.data.domains import Domain
from geoloc.data.protocols import members
from geoloc.evaluate.cost import count_flops, count_parameters, size_mb
from geoloc.evaluate.recall import correct
from geoloc.locate.calibration import Calibration
from geoloc.net import DescriptorNet
from geoloc.predictions import Predictions, Scores
from geoloc.report.answers_file import write_answers
from geoloc.report.places import write_places
from geoloc.report.predictions import write_predictions
from geoloc.result import Result
from geoloc.stages import shares
from geoloc.tasks.job import Job
from geoloc.textfiles import read_json, write_whole

PACKAGES = ("geoloc", "torch", "torchvision", "pytorch-lightning", "hydra-core", "faiss-cpu", "timm", "numpy", "pillow")


def model_facts(net: DescriptorNet, weights: str) -> dict[str, Any]:
    """The `model` part of results.json.

    Args:
        net: The network.
        weights: Where its weights come from.
    """
    parameters, trainable = count_parameters(net)
    return {
        **net.spec,
        "descriptor_dim": net.out_dim,
        "parameters": parameters,
        "trainable_parameters": trainable,
        "size_mb": round(size_mb(net), 3),
        "flops": count_flops(net, net.image_size),
        "weights": weights,
        "digest": net.digest(),
    }


def describe_model(facts: dict[str, Any]) -> str:
    """One line for the log."""
    return (
        f"network: {facts['parameters'] / 1e6:.2f} M parameters"
        f" ({facts['trainable_parameters'] / 1e6:.2f} M trainable),"
        f" {facts['size_mb']:.1f} MB, {facts['flops'] / 1e9:.2f} GFLOPs at {facts['image_size'][0]}x"
        f"{facts['image_size'][1]} (2 per multiply-add), descriptor of {facts['descriptor_dim']} values"
    )


def environment(job: Job) -> dict[str, Any]:
    """Versions, seed, code state and command."""
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "packages": packages,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "seed": job.seed,
        "git": _git_state(),
        "command": job.command,
    }


def _git_state() -> str | None:
    """Commit of the code, with "+changes" if the tree differs from it; None if the code is in no repository."""
    here = Path(__file__).resolve().parents[3]
    try:
        done = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty=+changes", "--abbrev=12"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def score_facts(scores: Scores) -> dict[str, Any]:
    """Scores as JSON has them, whose keys are strings."""
    facts = asdict(scores)
    for key in ("recalls", "recalls_answerable", "ci95"):
        facts[key] = {str(n): value for n, value in facts[key].items()}
    return facts


def domain_facts(result: Result) -> dict[str, Any]:
    """One entry of the `domains` part of results.json."""
    facts = score_facts(result.scores)
    facts["bootstrap95"] = {str(n): interval for n, interval in result.bootstrap95.items()}
    if result.raw_scores is not None:
        facts["raw_recalls"] = score_facts(result.raw_scores)["recalls"]
        facts["changes"] = {str(n): asdict(change) for n, change in result.changes.items()}
    if result.meters is not None:
        facts["meters"] = asdict(result.meters)
        facts["meters"]["curve"] = {f"{radius:g}": recall for radius, recall in result.meters.curve.items()}
    if result.located is not None:
        facts["localization"] = result.located.facts
    if result.index:
        facts["index"] = result.index
    facts["slices"] = {condition: score_facts(scores) for condition, scores in result.slices.items()}
    facts["seconds"] = {stage: round(value, 3) for stage, value in result.seconds.items()}
    return facts | place_facts(result.domain)


def place_facts(domain: Domain) -> dict[str, Any]:
    """Where the photos of a domain are and how it is judged, so that later tasks find both."""
    folders = {side: str(getattr(domain, side).root.resolve()) for side in ("database", "queries")}
    coordinates = "local" if domain.database.coordinates == "local" else "utm"
    protocol = domain.protocol.facts()
    if domain.protocol.groups != "none":
        protocol["group_count"] = len(domain.groups())
    if domain.protocol.query_list is not None:
        listed = {"query_list": str(Path(domain.protocol.query_list).resolve()), "listed_queries": len(domain.queries)}
        protocol |= listed
    together = members(domain.database, domain.queries, domain.protocol)
    if together:
        protocol["members"] = together
    facts = {"folders": folders, "coordinates": coordinates, "protocol": protocol}
    return facts if domain.part is None else facts | domain.part.facts()


def described_facts(domain: Domain) -> dict[str, Any]:
    """The entry of a domain that has been described and not judged."""
    return {"queries": len(domain.queries), "database": len(domain.database), **place_facts(domain)}


def read_results(folder: Path) -> dict[str, Any]:
    """results.json of a run; empty if there is none that can be read."""
    return read_json(folder / "results.json")


def write_status(job: Job, status: str, **more: Any) -> None:
    """Write results.json; what an earlier stage of the run has written there stays."""
    content = read_results(job.folder) | {"status": status, "task": job.cfg["task"], **more}
    if status == "finished":
        content.pop("error", None)
    warnings = list(dict.fromkeys([*content.get("warnings", []), *job.warnings]))
    content |= {"warnings": warnings, "environment": environment(job)}
    write_whole(job.folder / "results.json", json.dumps(content, indent=1) + "\n")


def write_results(
    job: Job,
    facts: dict[str, Any],
    results: dict[str, Result],
    seconds: dict[str, float],
    tuned_on: dict[str, Result] | None = None,
    tuned: dict[str, dict[str, float]] | None = None,
    calibration: Calibration | None = None,
) -> None:
    """Write predictions and results.json of a finished run.

    Args:
        job: The run.
        facts: See `model_facts`.
        results: Of each test domain.
        seconds: Wall time of the stages of the whole run.
        tuned_on: Of each val domain that post-processing was tuned on.
        tuned: What it chose there.
        calibration: Behind the confidences of the located queries.
    """
    for name, result in results.items():
        _write_predictions(job.folder / "predictions" / f"{name}.csv", result, result.predictions)
        write_places(job.folder / "predictions" / f"{name}.places.csv", result.domain, result.positives.counts)
        if result.located is not None:
            write_answers(job.folder / "predictions" / f"{name}.answers.csv", result.domain, result.located)
        if result.raw is not None:
            _write_predictions(job.folder / "predictions" / f"{name}.raw.csv", result, result.raw)
    # How images were shown is the same for all domains.
    protocol = next((result.protocol for result in results.values()), {})
    chain = {name: node for name, node in job.cfg["postprocess"].items() if node}
    used = {"index": job.cfg["index"], **protocol, "postprocess": chain}
    more: dict[str, Any] = {"protocol": used} if results else {}
    for name, result in (tuned_on or {}).items():
        _write_predictions(job.folder / "predictions" / "val" / f"{name}.csv", result, result.predictions)
        more.setdefault("tuned_on", {})[name] = place_facts(result.domain) | {
            "fingerprint": result.domain.fingerprint()
        }
    if tuned:
        more["tuned"] = tuned
    if calibration is not None:
        more["calibration"] = calibration.facts()
    write_status(
        job,
        "finished",
        model=facts,
        domains={name: domain_facts(result) for name, result in results.items()},
        fingerprints={name: result.domain.fingerprint() for name, result in results.items()},
        seconds={stage: round(value, 2) for stage, value in seconds.items()},
        shares=shares(job.watch.seconds),
        **more,
    )


def _write_predictions(path: Path, result: Result, predictions: Predictions) -> None:
    write_predictions(path, result.domain, predictions, correct(predictions.ids, result.positives))
