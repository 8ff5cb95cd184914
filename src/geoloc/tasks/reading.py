"""The domains that a config names, and what is to be said of each before anything is computed."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from geoloc.data.domains import Domain, folder, metric_name, table
from geoloc.data.manifest import has_split, is_manifest
from geoloc.data.overlap import same_photo
from geoloc.data.protocols import Protocol
from geoloc.errors import InputError
from geoloc.places import Neighbours
from geoloc.postprocess.panoramas import sizes_of
from geoloc.tasks.job import Job

log = logging.getLogger(__name__)
NOT_BY_RADIUS = "%s: radius.eval changes nothing, since its protocol is judged by frames (at most %d away)"


def read_domains(job: Job, stages: tuple[str, ...]) -> dict[str, list[Domain]]:
    """Read the domains of the given stages ("train", "val", "test").

    Raises:
        InputError: With a line for each domain that cannot be used.
    """
    domains, problems = gather(job, stages)
    for stage in stages:
        for domain in domains[stage]:
            try:
                if stage == "train":
                    _positives(domain, stage, job.cfg["radius"]["positive"])
                else:
                    _check_truth(job, domain, stage)
            except InputError as error:
                problems += [f"{stage}: {line}" for line in error.problems]
    if problems:
        raise InputError(*dict.fromkeys(problems))
    return domains


def gather(job: Job, stages: tuple[str, ...]) -> tuple[dict[str, list[Domain]], list[str]]:
    """The domains of the given stages that can be read, and a line for each problem with the others."""
    problems: dict[str, str] = {}  # what is wrong -> the same, with the stage; a table of all stages is wrong once
    domains: dict[str, list[Domain]] = {}
    for stage in stages:
        made: list[Domain] = []
        for make in _sources(job, stage):
            try:
                domain = make()
            except InputError as error:
                for line in error.problems:
                    problems.setdefault(line, f"{stage}: {line}")
                continue
            if domain is not None:
                made.append(domain)
        names = [domain.name for domain in made]
        twice = [f"{stage}: two domains are called {name}" for name in names if names.count(name) > 1]
        problems |= {line: line for line in sorted(twice)}
        domains[stage] = made
    return domains, list(problems.values())


def _sources(job: Job, stage: str) -> list[Any]:
    """One function a domain of this stage; calling it reads the domain, or gives None if the data has none for it."""
    cfg = job.cfg
    if stage == "train":
        return [lambda: job.make(cfg["data"]["train"])]
    protocol = Protocol(cfg["radius"]["eval"], groups=cfg["groups"])
    folders = cfg["test_folders"] if stage == "test" else [cfg["val_folder"]] if cfg["val_folder"] else None
    if folders:
        names = _folder_names(folders)
        return [
            lambda path=path, name=name: (
                table(path, stage, name, cfg["coordinates"], protocol)
                if is_manifest(path)
                else folder(path, stage, cfg["queries_folder"], name, cfg["coordinates"], protocol)
            )
            for path, name in zip(folders, names, strict=True)
        ]
    if cfg[stage]:
        return [lambda node=node: job.make(node) for node in cfg[stage].values()]
    path = cfg["data"].get("path")
    own = {**cfg["data"]["train"], "split": stage}
    return [lambda: job.make(own) if has_split(path, stage) else None] if path else []


def _folder_names(folders: list[str]) -> list[str]:
    """The last part of each path; with the part before it, and then a number, where folders would share a name.

    A manifest goes by its name without the extension.
    """
    whole = [Path(path).absolute().with_suffix("") if is_manifest(path) else Path(path).resolve() for path in folders]
    parts = [path.parts for path in whole]
    short = [metric_name(each[-1]) for each in parts]
    long = [
        own if short.count(own) == 1 else metric_name("_".join(each[-2:]))
        for own, each in zip(short, parts, strict=True)
    ]
    return [own if long.count(own) == 1 else f"{own}_{1 + long[:number].count(own)}" for number, own in enumerate(long)]


def _positives(domain: Domain, stage: str, radius: float) -> Neighbours:
    """The positives within `radius` metres; warns where there are too many to be true."""
    positives = domain.positives(radius)
    per_query = float(positives.counts.mean())
    if per_query > 0.5 * len(domain.database) and len(domain.database) > 1:
        log.warning(
            "%s: %s: %.0f of %d database images are within %g m of an average query; are the positions metres?",
            stage,
            domain.name,
            per_query,
            len(domain.database),
            radius,
        )
    return positives


def _check_truth(job: Job, domain: Domain, stage: str) -> None:
    """Warn of what would flatter or spoil recall.

    Raises:
        InputError: No query can be answered, or a group is smaller than a recall value.
    """
    name = f"{stage}: {domain.name}"
    _check_in_vain(job, domain, name)
    radius = domain.radius_m(job.cfg["radius"]["eval"])
    positives = _positives(domain, stage, radius)
    if not positives.counts.any():
        raise InputError(
            f"{domain.name}: no query has a database image within radius.eval={radius:g} m, so recall means nothing;"
            " check the positions of queries and database"
        )
    check_depth(domain, job.cfg["recall_values"], name)
    queries, _ = positives.pairs()
    same = len(set(queries[same_photo(domain, positives)].tolist()))
    if same:
        log.warning("%s: photos of %d queries are in the database too; that inflates recall", name, same)


def _check_in_vain(job: Job, domain: Domain, name: str) -> None:
    """Warn of typed keys that a domain does not go by, since its protocol says otherwise."""
    protocol, radius = domain.protocol, job.cfg["radius"]["eval"]
    if {"radius", "radius.eval"} & job.typed and protocol.frames is not None:
        log.warning(NOT_BY_RADIUS, name, protocol.frames)
    elif {"radius", "radius.eval"} & job.typed and domain.radius_m(radius) != radius:
        log.warning("%s: radius.eval changes nothing, since its protocol says %g m", name, protocol.radius)
    if "groups" in job.typed and protocol.groups != job.cfg["groups"]:
        log.warning("%s: groups changes nothing, since its protocol says groups: %s", name, protocol.groups)


def check_depth(domain: Domain, recall_values: list[int], name: str) -> None:
    """Warn, or refuse, where there are not as many images to find as recall asks for.

    Args:
        domain: The domain.
        recall_values: N of Recall@N.
        name: What warnings call the domain.

    Raises:
        InputError: A group is smaller than a recall value, and than other groups.
    """
    group, size, uneven = domain.smallest_group()
    beyond = [n for n in recall_values if n > size]
    if beyond and uneven:
        raise InputError(
            f"{domain.name}: R@{beyond[0]} is asked for, and the group {group} has only {size} database"
            " images; set recall_values to at most that, or leave the group out"
        )
    if beyond:
        log.warning("%s: R@%d counts all %d database images", name, beyond[0], size)
    if domain.protocol.panoramas:
        assert domain.database.panos is not None
        number = len(sizes_of(domain.database.panos))
        if max(recall_values) > number:
            log.warning("%s: R@%d counts all %d panoramas", name, max(recall_values), number)
