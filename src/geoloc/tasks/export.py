"""task=export: write a network for other programs, check each file against the network itself, and time them.

Writes model.onnx, model.pt2, model.safetensors with model.yaml, and MODEL_CARD.md. Exit code 1 if a format cannot be
written, or gives other descriptors; the others are written all the same.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from geoloc import __version__
from geoloc.data.domains import Domain
from geoloc.data.images import read_pixels, resize
from geoloc.errors import CheckFailedError, InputError
from geoloc.export.card import Exported, card, parity_rows
from geoloc.export.formats import Exporter, Written
from geoloc.export.graph import on_cpu, told_sizes
from geoloc.export.latency import latencies, latency_rows, machine, told_machine
from geoloc.export.onnx_file import run_onnx
from geoloc.export.origin import without_folders
from geoloc.export.parity import Run, described, noise, parity, same_nearest
from geoloc.export.quiet import reason
from geoloc.export.source import Source, source_of
from geoloc.extraction.describer import Describer
from geoloc.net import DescriptorNet
from geoloc.tasks import build
from geoloc.tasks.job import Job, refuse_idle
from geoloc.tasks.reading import gather
from geoloc.tasks.results import describe_model, model_facts, write_status
from geoloc.tasks.table import plain_table
from geoloc.textfiles import write_whole

log = logging.getLogger(__name__)
# Names the domains that files are compared on; without any of them none is read, and the demo city is not rendered.
NAMES = ("coordinates", "data", "domains@test", "queries_folder", "test", "test_folders")
# A plain state dict does not say what it is of; what a checkpoint of ours says must agree with what is typed.
OF_NETWORK = ("aggregator", "backbone", "block", "head", "hub", "image_size", "pretrained", "unit_length")
MATTERS = ("checkpoint", "export", "hydra", "name", "paths", "reuse_memory", "seed", "task", *NAMES, *OF_NETWORK)
RELEASED = Source(missing="The network is released by others, who say how good it is; task=test hub=... judges it.")
INVENTED = 16  # images where no domain is named


def do(job: Job) -> None:
    """Run the task.

    Raises:
        CheckFailedError: A format cannot be written, or is beyond the tolerance.
        InputError: Of the network, the domains, or what is typed in vain.
    """
    refuse_idle(job, MATTERS, "task=export, which writes a network and learns and searches nothing")
    how = job.cfg["export"]
    domains = _domains(job)
    learned = build.network(job)
    checkpoint = job.cfg["checkpoint"]
    source = source_of(Path(checkpoint), learned.digest()) if checkpoint else RELEASED
    facts = model_facts(learned, str(source.about.get("weights") or checkpoint or build.start_of(learned)[0]))
    net = on_cpu(learned)
    if "weights" in net.spec["backbone"]:
        net.spec["backbone"]["weights"] = without_folders(str(net.spec["backbone"]["weights"]))
    log.info("%s", describe_model(facts))
    log.info("the files are made and compared on the CPU")
    write_status(job, "running", model=facts)
    samples = [_Sample.of(domain, net, how["photos"]) for domain in domains] or [_Sample.invented(net)]
    about = {**source.about, "weights": facts["weights"], "digest": facts["digest"], "exported_by": job.command}
    about = {key: without_folders(value) if isinstance(value, str) else value for key, value in about.items()}
    exporter = Exporter(net, job.folder, about, _words(facts))
    written: dict[str, Written] = {}
    formats: dict[str, dict[str, Any]] = {}
    for name in how["formats"]:
        formats[name] = _write(exporter, name, samples, written)
    timed = _timed(net, written, how["batch"]) if how["latency"] else {}
    compared = "; ".join(sample.told for sample in samples)
    exported = Exported(facts, source, formats, compared, timed, machine(), __version__)
    write_whole(job.folder / "MODEL_CARD.md", card(exported))
    _print(exported)
    content = {"formats": formats, "compared_on": compared, "milliseconds": timed, "machine": machine()}
    write_status(job, "finished", export=content)
    log.info("model card: %s", job.folder / "MODEL_CARD.md")
    bad = [name for name, facts in formats.items() if not facts.get("parity", {}).get("within_tolerance")]
    if bad:
        raise CheckFailedError(f"task=export: not usable: {', '.join(bad)}; MODEL_CARD.md says why")


def _domains(job: Job) -> list[Domain]:
    """The test domains, if any are named."""
    if not {key.split(".")[0] for key in job.typed} & set(NAMES):
        log.info(
            "no domain is named: files are compared on %d invented images; test_folders=[PATH] names one", INVENTED
        )
        return []
    domains, problems = gather(job, ("test",))
    if problems or not domains["test"]:
        raise InputError(*dict.fromkeys(problems or ["task=export: what is typed names no test domain"]))
    return domains["test"]


class _Sample:
    """Images that both the network and its files describe.

    Args:
        name: Of the domain; empty if they are invented.
        images: (N, 3, H, W) uint8, the database first.
        database: How many of them.
        told: What they are.
    """

    def __init__(self, name: str, images: torch.Tensor, database: int, told: str, net: DescriptorNet) -> None:
        self.name, self.images, self.database, self.told = name, images, database, told
        self.own = described(net.describe, images)

    @classmethod
    def of(cls, domain: Domain, net: DescriptorNet, most: int) -> _Sample:
        """Photos of a domain, evenly spread over both sides."""
        rows = [
            np.unique(np.linspace(0, len(side) - 1, min(most, len(side))).round().astype(int))
            for side in (domain.database, domain.queries)
        ]
        paths = [
            side.path(row) for side, some in zip((domain.database, domain.queries), rows, strict=True) for row in some
        ]
        images = torch.stack([resize(read_pixels(path), net.image_size) for path in paths])
        told = f"{len(rows[0])} database photos and {len(rows[1])} queries of {domain.name}"
        return cls(domain.name, images, len(rows[0]), told, net)

    @classmethod
    def invented(cls, net: DescriptorNet) -> _Sample:
        """Patterns and noise, which have no nearest photo worth the name."""
        told = f"{INVENTED} invented images (no domain was named, so the nearest photo was not compared)"
        return cls("", noise(INVENTED, *net.image_size), INVENTED, told, net)

    def split(self, descriptors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Those of the database, and of the queries."""
        return descriptors[: self.database], descriptors[self.database :]


def _write(exporter: Exporter, name: str, samples: list[_Sample], written: dict[str, Written]) -> dict[str, Any]:
    """Write one format and compare it; what is said of it in results.json and the card."""
    log.info("writing %s", name)
    try:
        made = exporter.write(name)
        found = [described(made.run, sample.images) for sample in samples]
    except Exception as error:  # whatever an exporter raises
        log.error("%s cannot be written: %s", name, reason(error))
        log.debug("traceback", exc_info=error)
        return {"error": f"cannot be written ({reason(error)})"}
    top1 = {
        sample.name: same_nearest(sample.split(sample.own), sample.split(other))
        for sample, other in zip(samples, found, strict=True)
        if sample.name
    }
    compared = replace(parity(torch.cat([sample.own for sample in samples]), torch.cat(found)), top1=top1)
    path, size = made.path, made.size
    if not compared.fits:
        path = path.rename(path.with_stem(f"{path.stem}.beyond_tolerance"))
        log.error(
            "%s gives other descriptors than the network: lowest cosine %.6f, largest difference %.1e; kept as %s",
            name,
            compared.cosine,
            compared.difference,
            path.name,
        )
    else:
        written[name] = made
    sizes = told_sizes(made.step, exporter.net.image_size)
    return {"file": path.name, "mb": size / 1e6, "sizes": sizes, "note": made.note, "parity": compared.facts()}


def _words(facts: dict[str, Any]) -> dict[str, str]:
    """What a file says of itself."""
    height, width = facts["image_size"]
    return {
        "geoloc_version": __version__,
        "digest": facts["digest"],
        "image_size": f"{height}x{width} (height x width)",
        "descriptor_dim": str(facts["descriptor_dim"]),
        "input": "images: uint8 RGB (B, 3, height, width), values 0 to 255",
    }


def _timed(net: DescriptorNet, written: dict[str, Written], batch: int) -> dict[str, dict[str, float]]:
    """Milliseconds of the network and its files."""
    log.info("timing")
    describer = Describer()
    describer.take(net)
    images = noise(batch, *net.image_size)
    with torch.inference_mode():
        describer(images)
    runs: dict[str, Run] = {"eager": net.describe}
    runs[f"geoloc's fast twin ({describer.way})"] = torch.inference_mode()(describer.__call__)
    titles = {"torch": "torch.export", "onnx": "ONNX Runtime, CPU"}
    runs |= {titles[name]: made.run for name, made in written.items() if name in titles}
    if torch.cuda.is_available():
        runs |= _on_gpu(net, written)
    return latencies(runs, images, (1, batch))


def _on_gpu(net: DescriptorNet, written: dict[str, Written]) -> dict[str, Run]:
    """The same where there is a GPU; photos come from the CPU's memory and descriptors go back there."""
    import copy

    there = copy.deepcopy(net).cuda()
    runs: dict[str, Run] = {"eager, GPU": lambda images: there.describe(images.cuda()).cpu()}
    if "onnx" in written:
        import onnxruntime

        if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            path = written["onnx"].path
            runs["ONNX Runtime, GPU"] = run_onnx(path, torch.get_num_threads(), "CUDAExecutionProvider")
    return runs


def _print(exported: Exported) -> None:
    """The tables, to standard output."""
    sys.stdout.write(f"\n{plain_table(parity_rows(exported.formats))}\n\ncompared on {exported.compared}\n\n")
    if exported.milliseconds:
        rows = latency_rows(exported.milliseconds)
        sys.stdout.write(f"{plain_table(rows)}\n\nx: times as fast as eager; {told_machine(exported.machine)}\n\n")
    sys.stdout.flush()
