"""task=check: everything that would spoil results, said before hours are spent; and what augmentation makes of queries.

Writes check.json and check.html; exit code 1 if something would spoil results.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from geoloc.data.augment.tuples import Augment
from geoloc.data.check.facts import facts_of
from geoloc.data.check.subject import Finding, Subject, number
from geoloc.data.check.whole import Plan, findings_of, scan_kept, subjects_of
from geoloc.data.images import read_image
from geoloc.data.loaders import clamp_workers
from geoloc.data.manifest import has_split
from geoloc.data.progress import progress_bar
from geoloc.errors import CheckFailedError, InputError
from geoloc.places import SPLITS
from geoloc.report.check_page import write_check_page
from geoloc.report.figures import contact_sheet
from geoloc.tasks.job import Job
from geoloc.tasks.reading import gather
from geoloc.tasks.results import write_status
from geoloc.textfiles import write_whole

log = logging.getLogger(__name__)
QUERIES, DRAWS = 8, 5
ROLES = ("query", "positive", "negative")
# Of describing and searching; an experiment that is going to be trained may set them.
IDLE = {
    "compile",
    *("attention", "decode", "descriptor_dtype", "extraction", "index", "infer_batch_size", "keep_descriptors"),
    *("postprocess", "report_queries", "saved_predictions"),
}
# What names the domains of a stage, so that a check of these alone does not render the demo city.
NAMES = {
    "train": {"data"},
    "val": {"data", "val", "val_folder", "domains@val"},
    "test": {"data", "test", "test_folders", "domains@test"},
}


def do(job: Job) -> None:
    """Run the task.

    Raises:
        CheckFailedError: Something would spoil results; check.html and the log say what.
        InputError: No domain can be read, or what is typed does nothing.
    """
    idle = sorted(IDLE & {key.split(".")[0] for key in job.typed - job.pinned.keys()})
    if idle:
        raise InputError(*(f"{key}: has no effect on task=check, which judges nothing; leave it out" for key in idle))
    stages, findings = _stages(job)
    domains, problems = gather(job, stages)
    if not any(domains.values()):
        raise InputError(*dict.fromkeys(problems or ["there is no domain to check"]))
    for problem in dict.fromkeys(problems):
        stage, _, line = problem.partition(": ")
        findings.append(Finding(True, stage, line, "this domain is not checked further"))
    plan = _plan(job)
    paths = [path for several in domains.values() for domain in several for path in domain.paths()]
    with progress_bar("decoding images") as advance:
        photos = scan_kept(paths, clamp_workers(job.cfg["num_workers"]), advance)
    subjects = subjects_of(domains, photos, plan)
    findings += findings_of(subjects, photos, plan)
    findings += _drawn(job, subjects)
    findings.sort(key=lambda finding: not finding.spoils)
    _tell(job, subjects, findings)


def _plan(job: Job) -> Plan:
    cfg = job.cfg
    return Plan(
        positive=cfg["radius"]["positive"],
        negative=cfg["radius"]["negative"],
        evaluation=cfg["radius"]["eval"],
        recall_values=cfg["recall_values"],
        negatives=cfg["miner"].get("negatives", 1),
        image_size=cfg["image_size"],
        skip_unreadable=cfg["unreadable"] == "skip_and_count",
    )


def _stages(job: Job) -> tuple[tuple[str, ...], list[Finding]]:
    """The stages to be checked, and what is to be said of those that are not."""
    typed = {key.split(".")[0] for key in job.typed}
    named = tuple(stage for stage in SPLITS if typed & NAMES[stage])
    stages = named or SPLITS
    path = job.cfg["data"].get("path")
    there = [split for split in SPLITS if path and has_split(path, split)]
    rendered = job.cfg["data"]["train"]["_target_"].endswith(".demo_city")
    if "train" not in stages or rendered or "train" in there or not there:
        return stages, []
    said = Finding(
        False,
        "train",
        f"{path} has no images/train",
        "it can be judged (task=test checkpoint=PATH), and nothing can be trained on it",
    )
    return tuple(stage for stage in stages if stage != "train"), [said]


def _tell(job: Job, subjects: list[Subject], findings: list[Finding]) -> None:
    """Write everything down and say it.

    Raises:
        CheckFailedError: A finding spoils results.
    """
    facts = [facts_of(subject) for subject in subjects]
    content: dict[str, Any] = {"domains": facts, "findings": [_plain(finding) for finding in findings]}
    write_whole(job.folder / "check.json", json.dumps(content, indent=1) + "\n")
    page = write_check_page(job.folder / "check.html", job.command, subjects, facts, findings)
    for each in facts:
        log.info("%s", _line(each))
    for finding in findings:
        level = logging.ERROR if finding.spoils else logging.WARNING
        log.log(level, "%s: %s; %s", finding.where, finding.what, finding.remedy)
    spoiling = sum(finding.spoils for finding in findings)
    images = {side: sum(each["sides"][side]["images"] for each in facts) for side in ("database", "queries")}
    unreadable = sum(side["unreadable"] for each in facts for side in each["sides"].values())
    short = {"spoiling": spoiling, "notices": len(findings) - spoiling, "unreadable": unreadable, **images}
    log.info("check: %s", page)
    write_status(job, "finished", check=short)
    if spoiling:
        raise CheckFailedError(f"{number(spoiling, 'finding')} would spoil results: {page}")
    log.info("nothing was found that would spoil results")


def _plain(finding: Finding) -> dict[str, Any]:
    return {
        "level": "spoils" if finding.spoils else "notice",
        "where": finding.where,
        "what": finding.what,
        "remedy": finding.remedy,
        "examples": list(finding.examples),
        "pairs": [[str(path) for path in pair] for pair in finding.pairs],
    }


def _line(facts: dict[str, Any]) -> str:
    """One domain for the console."""
    database, queries = (facts["sides"][side]["images"] for side in ("database", "queries"))
    width, height = facts["extent_km"]
    return (
        f"{facts['stage']} {facts['name']}: {database} database, {queries} queries ({facts['with_positive']} with a"
        f" positive within {facts['radius']:g} m, {facts['positives']['mean']:.1f} positives each),"
        f" {width:.2f} x {height:.2f} km"
    )


def _drawn(job: Job, subjects: list[Subject]) -> list[Finding]:
    """Draw the augmentation, if there is one and something to draw it of."""
    augment = job.make(job.cfg["aug"])
    train = next((subject for subject in subjects if subject.stage == "train"), None)
    if augment is None:
        log.info("aug=none: train queries stay as they are; such as aug=night shows what it makes of them")
        return []
    if train is None:
        return []
    _, photos, _ = train.side("queries")
    rows = np.flatnonzero(photos.readable)
    if not len(rows):
        return []
    queries = train.domain.queries.select(rows)
    try:
        augment.check([str(queries.path(row)) for row in range(len(queries))])
    except InputError as error:
        return [Finding(True, train.where, line, "training would refuse to start") for line in error.problems]
    path = job.folder / "augmentation.jpg"
    size = (job.cfg["image_size"][0], job.cfg["image_size"][1])
    paths = [queries.path(row) for row in range(len(queries))]
    sheet(paths, augment, size, job.seed).save(path, quality=90)
    log.info("the photo, then %d draws of the augmentation: %s", DRAWS, path)
    return []


def sheet(queries: list[Path], augment: Augment, size: tuple[int, int], seed: int) -> Image.Image:
    """A row for each of some train queries: the photo, and what it becomes in a few epochs.

    Args:
        queries: Photos that can be read.
        augment: The augmentation.
        size: (height, width) of images in training.
        seed: The run's.
    """
    # A tuple of the same photo three times; the first of query, positive and negative that is augmented is shown.
    role = next((number for number, role in enumerate(ROLES) if role in augment.images), 0)
    shown = role if role == 0 else role + augment.views - 1
    rows: list[list[Image.Image | torch.Tensor]] = []
    for query in np.linspace(0, len(queries) - 1, min(QUERIES, len(queries))).astype(int).tolist():
        path = str(queries[query])
        draws = [augment([path] * 3, size, (seed, epoch, query))[shown] for epoch in range(DRAWS)]
        rows.append([read_image(path), *draws])
    return contact_sheet(rows)
