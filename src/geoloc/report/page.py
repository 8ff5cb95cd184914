"""report.html: one self-contained page made from the files of a run's folder alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from jinja2 import Environment, PackageLoader, select_autoescape

from geoloc.evaluate.before_after import Change
from geoloc.report.changes import HEAD, change_cells
from geoloc.report.charts import RadiusChart, radius_chart
from geoloc.report.confidence import HEAD as HEAD_LOCATED
from geoloc.report.confidence import charts_of, rows_of, words_of
from geoloc.report.cost import domain_costs, network_rows, time_rows
from geoloc.report.gallery import SHOWN, as_json, galleries
from geoloc.report.history import read_history
from geoloc.report.judged import hits
from geoloc.report.protocol import judging_rows, protocol_rows, step_rows
from geoloc.report.recall_chart import RecallChart, recall_chart
from geoloc.report.training_chart import training_charts

Domains = dict[str, dict[str, Any]]  # as results.json has them

INSIDE = 200  # queries whose photos the page holds, unless the config says otherwise


def write_page(folder: Path, inside: int = INSIDE, into: Path | None = None) -> Path:
    """Write report.html from results.json, metrics.csv, predictions/*.csv and the saved config.

    Args:
        folder: Of a finished run.
        inside: Queries, of all domains together, whose photos the page holds; it shows those of the others from their
            files.
        into: Folder of the page; None: the run's own.

    Returns:
        The page.
    """
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    domains: Domains = results["domains"]
    protocol = results.get("protocol", {})
    agreement = {name: domain["index"] for name, domain in domains.items() if domain.get("index")}
    environment = Environment(loader=PackageLoader("geoloc.report"), autoescape=select_autoescape())
    environment.filters["as_json"] = as_json
    config, overrides = _config(folder / ".hydra")
    drawn = galleries(folder, domains, inside, into or folder)
    page = (into or folder) / "report.html"
    page.write_text(
        environment.get_template("page.html").render(
            results=results,
            name=f"{folder.parent.name} / {folder.name}",
            domains=domains,
            galleries=drawn,
            changes=_changes(domains),
            change_head=HEAD[1:],
            steps=step_rows(protocol, results.get("tuned", {})),
            chart=_radius_chart(domains),
            by_rank=_recall_chart(drawn),
            protocol=protocol_rows(protocol, agreement) + judging_rows(domains),
            located=rows_of(domains),
            located_head=HEAD_LOCATED,
            sure=charts_of(folder, domains),
            sure_words=words_of(results.get("calibration", {}), domains),
            training=training_charts(read_history(folder / "metrics.csv")),
            network=network_rows(results["model"]),
            times=time_rows(results.get("shares", {})),
            costs=domain_costs(domains, results["model"]["descriptor_dim"]),
            config=config,
            overrides=overrides,
            shown=SHOWN,
        ),
        encoding="utf-8",
    )
    return page


def _config(hydra: Path) -> tuple[str, list[str]]:
    """The config of the run as it was saved, and what was typed."""
    config, typed = hydra / "config.yaml", hydra / "overrides.yaml"
    overrides = yaml.safe_load(typed.read_text(encoding="utf-8")) if typed.is_file() else None
    return config.read_text(encoding="utf-8") if config.is_file() else "", overrides or []


def _changes(domains: Domains) -> dict[str, dict[str, Any]]:
    """Queries and table cells of the domains that were post-processed."""
    return {
        name: {
            "queries": next(iter(changes.values()))["queries"],
            "rows": [change_cells(int(n), Change(**change)) for n, change in changes.items()],
        }
        for name, domain in domains.items()
        if (changes := domain.get("changes"))
    }


def _radius_chart(domains: Domains) -> RadiusChart | None:
    curves = {
        name: {float(radius): recall for radius, recall in domain["meters"]["curve"].items()}
        for name, domain in domains.items()
        if domain.get("meters")
    }
    return radius_chart(curves) if curves else None


def _recall_chart(drawn: dict[str, dict[str, Any]]) -> RecallChart | None:
    counts = {name: hits(np.array(data["first"]), data["k"]) for name, data in drawn.items()}
    return recall_chart(counts, {name: len(data["queries"]) for name, data in drawn.items()}) if counts else None
