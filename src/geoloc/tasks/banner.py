"""What a task says of itself before it starts: device, network, data, memory, and what its experiment pinned."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch

from geoloc.data.domains import Domain
from geoloc.lit.datamodule import PlaceDataModule
from geoloc.memory import Stage, biggest, free_disk, free_memory, index_bytes, kept_for_backward, size
from geoloc.net import DescriptorNet
from geoloc.tasks import build
from geoloc.tasks.job import Job
from geoloc.tasks.results import describe_model
from geoloc.tuning import tunable

log = logging.getLogger(__name__)
Lines = list[tuple[str, str]]


def say(job: Job, trainer: pl.Trainer, net: DescriptorNet, data: PlaceDataModule, facts: dict[str, Any]) -> None:
    """Log the banner, and warn where memory or disk are not going to suffice.

    Args:
        job: The run.
        trainer: Has the devices.
        net: The network.
        data: Holds the domains.
        facts: See `model_facts`.
    """
    lines = [("device", device_line(trainer)), ("network", describe_model(facts).removeprefix("network: "))]
    lines += data_lines(job, data)
    told, warnings = memory_lines(job, net, data)
    lines += told + experiment_lines(job.pinned, job.cfg)
    log.info("%s", _text(lines), extra={"picture": _panel(lines)})
    for warning in warnings:
        log.warning("%s", warning)


def device_line(trainer: pl.Trainer) -> str:
    """What computes, in which precision."""
    device = trainer.strategy.root_device
    many = f"{trainer.world_size} x " if trainer.world_size > 1 else ""
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        return f"{many}{torch.cuda.get_device_name(device)} ({size(total)}), precision {trainer.precision}"
    threads = torch.get_num_threads()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    number = f"{threads} thread{'s' * (threads != 1)} on {cores} core{'s' * (cores != 1)}"
    return f"{many}{device.type}, {number}, precision {trainer.precision}"


def data_lines(job: Job, data: PlaceDataModule) -> Lines:
    """Photos of each domain, and how many queries can be learned from or answered."""
    stages: list[tuple[str, list[Domain]]] = [
        ("train", [] if data.train_domain is None else [data.train_domain]),
        ("val", data.domains["val"]),
        ("test", data.domains["test"]),
    ]
    radius = job.cfg["radius"]
    return [
        (
            "" if number else stage,
            domain_line(domain, radius["positive"] if stage == "train" else domain.radius_m(radius["eval"])),
        )
        for stage, all_ in stages
        for number, domain in enumerate(all_)
    ]


def domain_line(domain: Domain, radius: float) -> str:
    """What there is of a domain, with the queries that have a positive within `radius` metres."""
    positives, (width, height) = domain.positives(radius).counts, domain.extent_km()
    return (
        f"{domain.name}: {len(domain.database):,} database, {len(domain.queries):,} queries"
        f" ({(positives > 0).sum():,} with a positive within {radius:g} m, {positives.mean():.1f} each),"
        f" {width:.2f} x {height:.2f} km"
    )


def memory_lines(job: Job, net: DescriptorNet, data: PlaceDataModule) -> tuple[Lines, list[str]]:
    """What descriptors, search and training are going to take, and warnings where there is less."""
    dim, disk, memory = net.out_dim, free_disk(job.folder), free_memory()
    stages = stages_of(job, data)
    most = biggest(stages)
    needed, rows = most.bytes(dim), sum(most.rows.values())
    what = f"{most.name}: {rows:,} descriptors x {dim:,} values x {most.value} bytes"
    lines = [("disk", f"{what} = {size(needed)}, {size(disk)} are free")]
    index = job.make(job.cfg["index"])
    largest = max((domain for stage in data.domains.values() for domain in stage), key=_database, default=None)
    searching = 0 if largest is None else index_bytes(index, _database(largest), dim) or 0
    told = [f"at most {size(searching)} to search {largest.name} (index={index.name})"] if largest and searching else []
    if job.cfg["task"] == "train":
        images = data.triplets.views + 1 + job.cfg["miner"].get("negatives", 1)
        told += training(net, data.train_batch_size * images)
    if memory is not None:
        told.append(f"{size(memory)} are free")
    lines.append(("memory", ", ".join(told)))
    there = sum(path.stat().st_size for path in (job.folder / "descriptors").glob("*"))  # of a killed run
    return lines, shortages(job.folder, needed, disk + there, searching, memory)


def training(net: DescriptorNet, images: int) -> list[str]:
    """What a training step takes on the device: its images as floats, and what the backward pass needs of them.

    What single operations need in passing comes on top: on a CPU more than half as much again.
    """
    height, width = net.image_size
    batch = images * 3 * height * width * 4
    try:
        kept = images * kept_for_backward(net)
    except (NotImplementedError, RuntimeError):  # a part that cannot be followed without values
        return [f"at least {size(batch)} for the {images} images of a training step"]
    return [f"at least {size(batch + kept)} for a training step of {images} images (kept for its backward pass)"]


def stages_of(job: Job, data: PlaceDataModule) -> list[Stage]:
    """Descriptors that are on disk at the same time: those of mining, validation, testing, and of tuning."""

    def all_of(domains: Sequence[Domain], crops: int) -> dict[str, int]:
        return {each.name: len(each.database) + crops * len(each.queries) for each in domains}

    value = np.dtype(job.cfg["descriptor_dtype"]).itemsize
    stages = [Stage("test", all_of(data.domains["test"], data.view.count), value)]
    if job.cfg["task"] == "train" and data.train_domain is not None:
        stages.append(Stage("val", all_of(data.domains["val"], 1), value))
        stages.append(Stage("mining", all_of([data.train_domain], 1)))
    if tunable(build.steps(job)):
        stages.append(Stage("tuning", all_of(data.domains["val"], data.view.count), value))
    return stages


def shortages(folder: Path, needed: int, disk: int, searching: int, memory: int | None) -> list[str]:
    """What is not going to suffice; numbers of bytes."""
    found = []
    if needed > disk:
        found.append(
            f"{folder}: the descriptors will need {size(needed)}, and {size(disk)} are free; choose another disk by"
            " paths.logs=PATH, or a shorter descriptor"
        )
    if memory is not None and searching > memory:
        found.append(
            f"index: searching will need {size(searching)} of memory, and {size(memory)} are free; index=exact reads"
            " the descriptors from disk, and index=faiss_ivfpq keeps short codes of them"
        )
    elif memory is not None and needed > memory:
        found.append(
            f"the descriptors ({size(needed)}) do not fit into the free memory ({size(memory)}): they are read from"
            " disk again for every 1024 queries, which is slow"
        )
    return found


def experiment_lines(pinned: Mapping[str, tuple[Any, str | None]], cfg: Mapping[str, Any]) -> Lines:
    """What the experiment sets, and what was typed over it.

    Args:
        pinned: See `Job`.
        cfg: The resolved config, for values that follow others.
    """
    kept, over = [], []
    for key, (value, typed) in pinned.items():
        if key.split(".")[0] == "hydra":
            continue
        said = str(reduce(getitem, key.split("."), cfg) if "${" in str(value) and typed is None else value)
        said = said.replace("'", "")
        if typed in (None, said):
            kept.append(f"{key}={said}")
        else:
            over.append(f"{key}={typed} (not {said})")
    lines = [("pinned", ", ".join(kept))] if kept else []
    return lines + ([("typed over", ", ".join(over))] if over else [])


def _database(domain: Domain) -> int:
    return len(domain.database)


def _text(lines: Lines) -> str:
    """Aligned, for log files."""
    width = max(len(label) for label, _ in lines)
    return "\n".join(f"{label.ljust(width)}  {text}" for label, text in lines)


def _panel(lines: Lines) -> Any:
    """The same for a terminal."""
    from rich.box import ROUNDED
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold cyan", no_wrap=True)
    table.add_column()
    for label, text in lines:
        table.add_row(label, Text(text))
    return Panel(table, box=ROUNDED, border_style="dim", expand=False)
