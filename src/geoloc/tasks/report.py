"""task=report run=PATH: tables, figures for papers and the page of a finished run, from its saved predictions.

Needs no network and no GPU. The run's folder stays as it is; all is written into a new one.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from geoloc.data.domains import Domain
from geoloc.errors import InputError
from geoloc.report.history import read_history
from geoloc.report.page import write_page
from geoloc.report.paper import captions
from geoloc.report.paper.chosen import by_name, choose, kinds_of
from geoloc.report.paper.curves import curve_of, recall_at_n, recall_by_distance
from geoloc.report.paper.maps import MOST, areas_of, draw_map
from geoloc.report.paper.ranked import Ranked, read_ranked
from geoloc.report.paper.strips import Strip, strips
from geoloc.report.paper.style import save
from geoloc.report.paper.tables import latex, markdown
from geoloc.report.paper.training import training
from geoloc.report.predictions import read_predictions
from geoloc.report.told import length
from geoloc.tasks.job import Job, refuse_idle
from geoloc.tasks.results import write_status
from geoloc.tasks.saved import SavedRun, open_run
from geoloc.textfiles import write_whole

log = logging.getLogger(__name__)
MATTERS = ("figures", "hydra", "name", "paths", "report_queries", "run", "task")
SHOWN = 5  # predictions of a strip


@dataclass
class Album:
    """Where figures go, and what their captions say."""

    folder: Path
    how: dict[str, Any]
    captions: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, figure: Figure, caption: str) -> None:
        """Write a figure in each format."""
        save(figure, self.folder, name, self.how["format"], self.how["dpi"])
        self.captions[name] = caption


def do(job: Job) -> None:
    """Run the task; it leaves tables.md, tables.tex, figures/ and report.html."""
    refuse_idle(job, MATTERS, "task=report, which goes by what the run has saved")
    run = open_run(job.cfg["run"])
    domains = {name: facts for name, facts in run.results["domains"].items() if "recalls" in facts}
    if not domains:
        raise InputError(f"run={run.folder}: has judged nothing; task=search run={run.folder} does")
    found, before = _saved(run, domains)
    album = Album(job.folder / "figures", job.cfg["figures"])
    chosen = _chosen(album.how["queries"], found, before)
    _curves(album, run, domains, found, before)
    for name in domains:
        _of_photos(album, run, name, found[name], before.get(name), chosen[name])
    text = "".join(f"## {name}\n\n{caption}\n\n" for name, caption in album.captions.items())
    write_whole(album.folder / "captions.md", text)
    write_whole(job.folder / "tables.md", markdown(domains))
    write_whole(job.folder / "tables.tex", latex(domains))
    _page(job, run)
    write_status(job, "finished", run=str(run.folder.resolve()), figures=list(album.captions))
    sys.stdout.write(f"\n{markdown(domains)}\n")
    sys.stdout.flush()
    log.info("tables: %s, tables.tex; figures: %s", job.folder / "tables.md", album.folder)


def _saved(run: SavedRun, domains: dict[str, Any]) -> tuple[dict[str, Ranked], dict[str, Ranked]]:
    """Predictions of each domain in the final order, and of those that were post-processed in the order before.

    Raises:
        InputError: A file is missing, or does not give the recalls of results.json.
    """
    folder = run.folder / "predictions"
    found = {name: read_ranked(folder / f"{name}.csv") for name in domains}
    before = {}
    for name, facts in domains.items():
        if facts.get("raw_recalls"):
            before[name] = read_ranked(folder / f"{name}.raw.csv")
            if before[name].queries.tolist() != found[name].queries.tolist():
                raise InputError(f"{folder / name}.raw.csv: its queries are not those of {name}.csv")
        for path, ranked, recalls in (
            (folder / f"{name}.csv", found[name], facts["recalls"]),
            (folder / f"{name}.raw.csv", before.get(name), facts.get("raw_recalls", {})),
        ):
            if ranked is not None:
                _check(path, ranked, recalls)
    return found, before


def _check(path: Path, ranked: Ranked, recalls: dict[str, float]) -> None:
    counts = ranked.right_at()
    for n, recall in recalls.items():
        here = 100 * counts[min(int(n), len(counts)) - 1] / len(ranked.queries)
        if abs(here - recall) > 1e-6:
            raise InputError(f"{path}: gives R@{n} {here:.2f}, and results.json {recall:.2f}; one of them was changed")


def _chosen(
    wanted: int | list[str], found: dict[str, Ranked], before: dict[str, Ranked]
) -> dict[str, list[tuple[int, str]]]:
    """Domain -> (row, kind) of the queries that its strips show."""
    kinds = {name: kinds_of(ranked, before.get(name)) for name, ranked in found.items()}
    if isinstance(wanted, int):
        rows = {name: choose(ranked, kinds[name], wanted) for name, ranked in found.items()}
    else:
        rows = by_name(wanted, {name: ranked.queries for name, ranked in found.items()})
    return {name: [(row, str(kinds[name][row])) for row in rows[name]] for name in found}


def _curves(
    album: Album, run: SavedRun, domains: dict[str, Any], found: dict[str, Ranked], before: dict[str, Ranked]
) -> None:
    """Figures that need nothing but numbers."""
    width = album.how["width"]
    ns = [int(n) for n in next(iter(domains.values()))["recalls"]]
    curves = {name: curve_of(found[name], before.get(name)) for name in domains}
    album.add("recall_at_n", recall_at_n(curves, ns, width), captions.of_recall_at_n(domains, bool(before)))
    by_distance = {
        name: {float(radius): recall for radius, recall in facts["meters"]["curve"].items()}
        for name, facts in domains.items()
        if facts.get("meters") and not _in_frames(facts)
    }
    if by_distance:
        radii = {domains[name]["radius_m"] for name in by_distance}
        radius = radii.pop() if len(radii) == 1 else None
        caption = captions.of_recall_by_distance({name: domains[name] for name in by_distance}, radius)
        album.add("recall_by_distance", recall_by_distance(by_distance, width, radius), caption)
    history = {name: points for name, points in read_history(run.folder / "metrics.csv").items() if len(points) > 1}
    if history:
        album.add("training", training(history, width), captions.of_training())


def _in_frames(facts: dict[str, Any]) -> bool:
    """Whether metres of a domain stand for frames, and for no place or distance on earth."""
    return facts.get("protocol", {}).get("frames") is not None


def _of_photos(
    album: Album, run: SavedRun, name: str, found: Ranked, before: Ranked | None, chosen: list[tuple[int, str]]
) -> None:
    """Strips and map of a domain; left out with a warning if its photos are gone."""
    try:
        domain = run.domain(name)
        first = read_predictions(run.folder / "predictions" / f"{name}.csv", domain).ids[:, 0]
    except (InputError, OSError) as error:
        log.warning("strips_%s and map_%s are left out: %s", name, name, error)
        return
    try:
        _strips(album, domain, found, before, chosen)
    except InputError as error:  # a photo that is damaged
        log.warning("strips_%s is left out: %s", name, error)
    facts = run.results["domains"][name]
    if _in_frames(facts):
        log.info("%s: its metres stand for frames, so it has neither a map nor a recall by distance", name)
    else:
        _map(album, facts, domain, found, first)


def _strips(album: Album, domain: Domain, found: Ranked, before: Ranked | None, chosen: list[tuple[int, str]]) -> None:
    """The figure strips_<domain>."""
    if not chosen:
        log.info("%s has none of the queries that figures.queries names", domain.name)
        return
    per_frame = domain.protocol.metres_per_frame
    rows = [
        Strip(
            domain.queries.root / str(found.queries[row]),
            [domain.database.root / str(name) for name in found.database[row, :SHOWN]],
            found.correct[row, :SHOWN].tolist(),
            [length(meters, per_frame) for meters in found.meters[row, :SHOWN]],
            _before(before, row, per_frame) if kind in ("helped", "hurt") else "",
        )
        for row, kind in chosen
    ]
    figure = strips(rows, album.how["wide"], album.how["dpi"])
    shown = [(str(found.queries[row]), kind) for row, kind in chosen]
    album.add(
        f"strips_{domain.name}", figure, captions.of_strips(domain.name, shown, isinstance(album.how["queries"], list))
    )


def _before(before: Ranked | None, row: int, per_frame: float | None) -> str:
    assert before is not None
    return f"was {'✓' if before.correct[row, 0] else '✗'} {length(before.meters[row, 0], per_frame)}"


def _map(album: Album, facts: dict[str, Any], domain: Domain, found: Ranked, first: np.ndarray) -> None:
    """The figure map_<domain>."""
    right_of = dict(zip(found.queries.tolist(), found.correct[:, 0].tolist(), strict=True))
    right = np.array([right_of[name] for name in domain.queries.names.tolist()])
    groups = None
    if domain.protocol.groups != "none":
        groups = np.concatenate([domain.database.groups, domain.queries.groups])
    every = areas_of(domain.database.xy, domain.queries.xy, groups)
    areas = every[:MOST]
    if len(every) > MOST:
        log.warning("map_%s shows the %d areas with the most queries, of %d", domain.name, MOST, len(every))
    north = domain.database.coordinates != "local"
    width = album.how["width" if len(areas) == 1 else "wide"]
    figure = draw_map(domain.database.xy, domain.queries.xy, first, right, areas, width, north)
    elsewhere = sum(int((~right[a.queries] & ~np.isin(first[a.queries], a.database)).sum()) for a in areas)
    album.add(f"map_{domain.name}", figure, captions.of_map(domain.name, facts, areas, elsewhere, north))


def _page(job: Job, run: SavedRun) -> None:
    """report.html of the run; left out with a warning if its photos are gone."""
    try:
        log.info("report: %s", write_page(run.folder, job.cfg["report_queries"], job.folder))
    except InputError as error:
        log.warning("report.html is left out: %s", error)
