"""What task=localize says of its answers: the table on the console, results.json, and the words of its page."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from geoloc.lit.protocol import protocol_of
from geoloc.locator import Locator, metres_of
from geoloc.place_index.index import Index
from geoloc.report.answers.asked import Asked, Base
from geoloc.report.answers.told import calibration_lines, truth_lines
from geoloc.report.cost import network_rows
from geoloc.report.protocol import protocol_rows, step_rows
from geoloc.report.told import length
from geoloc.tasks.job import Job
from geoloc.tasks.table import print_rows

SHOWN = 10  # answers on the console


def base_of(index: Index) -> Base:
    """The database as files and page name it."""
    paths = [str(path) for path in index.paths]
    root = Path(os.path.commonpath([os.path.dirname(path) for path in paths]))  # noqa: PTH120 - many are fast so
    names = [os.path.relpath(path, root) for path in paths]
    utm, zones = metres_of(index, index.xy)
    local = index.coordinates == "local"
    return Base(root, [Path(name).as_posix() for name in names], index.xy, index.latlon, utm, zones, local)


def lines_of(job: Job, locator: Locator, asked: Asked) -> list[str]:
    """What the confidences rest on, and how far off the answers truly are where that is known."""
    lines = truth_lines(asked, locator.radius)
    if locator.calibration is None:
        return lines
    facts, most = locator.calibration.fitted_on, locator.calibration.highest_precision()
    return calibration_lines(facts, locator.threshold, job.cfg["answer_precision"], most) + lines


def protocol_facts(job: Job, locator: Locator) -> dict[str, Any]:
    """How photos were shown, searched and put in order, as results.json of a test says it."""
    how, net = locator.how, locator.net
    chain = {name: node for name, node in job.cfg["postprocess"].items() if node}
    shown = protocol_of(net.image_size, how.view, net.multiscale, how.decode)
    return {"index": job.cfg["index"], **shown, "extraction": locator.describer.facts(), "postprocess": chain}


def rows_of(
    locator: Locator, asked: Asked, model: Mapping[str, Any], protocol: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """(what, how) for the page: the database, the vote, the network and the search."""
    base = asked.base
    rows = [("database", f"{len(base.names):,} photos below {base.root}")]
    vote = f"the place where most of the first {locator.voters} candidates stand together, within {locator.radius:g} m"
    rows += [("answer", vote), *network_rows(model), *protocol_rows(protocol, {})]
    return rows + [(f"step {step}", typed or "its usual numbers") for step, typed, _ in step_rows(protocol, {})]


def localization_facts(job: Job, locator: Locator, asked: Asked) -> dict[str, Any]:
    """The part `localization` of results.json."""
    off = asked.errors[np.isfinite(asked.errors)]
    facts: dict[str, Any] = {
        "photos": asked.counts(),
        "queries": str(Path(job.cfg["queries"]).resolve()),
        "database": {"images": len(asked.base.names), "index": str(Path(locator.index.contents.where).resolve())},
        "radius_m": locator.radius,
        "voters": locator.voters,
        "answer_precision": job.cfg["answer_precision"],
        "threshold": locator.threshold,
        "calibration": None if locator.calibration is None else locator.calibration.fitted_on,
    }
    if len(off):
        within = float((off <= locator.radius).mean())
        facts["truth"] = {"photos": len(off), "median_error_m": float(np.median(off)), "within_radius": within}
    return facts


def answer_rows(asked: Asked) -> list[list[str]]:
    """Head and first rows of the table of answers."""
    answers = asked.answers
    degrees = bool(np.isfinite(answers.latlon).any())
    truths = bool(np.isfinite(asked.errors).any())
    head = ["photo", *(("lat", "lon") if degrees else ("east", "north"))]
    head += ["confidence", "expected error"] * answers.calibrated + ["true error"] * truths
    rows = [head]
    for row in range(min(SHOWN, len(answers))):
        place = [f"{each:.6f}" for each in answers.latlon[row]] if degrees else [f"{x:.1f}" for x in answers.utm[row]]
        cells = [_short(answers.names[row]), *place]
        if answers.calibrated:
            sure = f"{answers.confidence[row]:.2f}" + ("" if answers.known[row] else " unknown")
            cells += [sure, length(float(answers.expected_error[row]))]
        if truths:
            cells.append(length(float(asked.errors[row])) if np.isfinite(asked.errors[row]) else "")
        rows.append(cells)
    return rows


def _short(name: str, most: int = 44) -> str:
    """The end of a long name, by which photos of a folder differ."""
    return name if len(name) <= most else f"...{name[3 - most :]}"


def print_answers(asked: Asked) -> None:
    """Print the first answers to standard output, apart from the log, and how many there are."""
    print_rows(answer_rows(asked))
    more = len(asked.answers) - SHOWN
    counts = ", ".join(f"{number:,} {status}" for status, number in asked.counts().items() if number)
    sys.stdout.write(f"{f'and {more:,} more; ' if more > 0 else ''}{counts}\n\n")
    sys.stdout.flush()
