"""report.html: one self-contained page made from the files of a run's folder alone."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterator
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from PIL import Image

from geoloc.evaluate.before_after import Change
from geoloc.report.changes import HEAD, change_cells
from geoloc.report.charts import Line, RadiusChart, line_chart, radius_chart
from geoloc.report.figures import strip
from geoloc.report.protocol import judging_rows, protocol_rows, step_rows

Domains = dict[str, dict[str, Any]]  # as results.json has them

SHOWN = 5  # predictions in a picture
EACH = 4  # queries of each kind (right, wrong) in a domain's gallery


def write_page(folder: Path, into: Path | None = None) -> Path:
    """Write report.html from results.json, metrics.csv and predictions/*.csv.

    Args:
        folder: Of a finished run.
        into: Folder of the page; None: the run's own.

    Returns:
        The page.
    """
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    domains: Domains = results["domains"]
    protocol = results.get("protocol", {})
    agreement = {name: domain["index"] for name, domain in domains.items() if domain.get("index")}
    environment = Environment(loader=PackageLoader("geoloc.report"), autoescape=select_autoescape())
    page = (into or folder) / "report.html"
    page.write_text(
        environment.get_template("page.html").render(
            results=results,
            name=f"{folder.parent.name} / {folder.name}",
            domains={
                name: {**domain, "gallery": list(_gallery(folder / "predictions" / f"{name}.csv", domain))}
                for name, domain in domains.items()
            },
            changes=_changes(domains),
            change_head=HEAD[1:],
            steps=step_rows(protocol, results.get("tuned", {})),
            chart=_radius_chart(domains),
            protocol=protocol_rows(protocol, agreement) + judging_rows(domains),
            curves=_curves(folder / "metrics.csv"),
            shown=SHOWN,
        ),
        encoding="utf-8",
    )
    return page


def _gallery(predictions: Path, domain: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Pictures of the first wrong and the first right queries of a domain."""
    with predictions.open(newline="", encoding="utf-8") as file:
        queries = [list(islice(rows, SHOWN)) for _, rows in groupby(csv.DictReader(file), key=lambda row: row["query"])]
    roots = {side: Path(path) for side, path in domain["folders"].items()}
    for right, title in ((False, "wrong"), (True, "right")):
        chosen = [rows for rows in queries if (rows[0]["correct"] == "1") is right]
        # Evenly over the domain, so that the gallery is no single street.
        for rows in chosen[:: max(1, len(chosen) // EACH)][:EACH]:
            picture = strip(
                roots["queries"] / rows[0]["query"],
                [roots["database"] / row["database"] for row in rows],
                [row["correct"] == "1" for row in rows],
                tile=(160, 120),
            )
            yield {"title": title, "image": inline(picture), "rows": rows}


def inline(picture: Image.Image) -> str:
    """A picture as the address of an image that needs no file."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _curves(metrics: Path) -> dict[str, Line]:
    """One small line chart for the loss and each validated recall."""
    if not metrics.is_file():
        return {}
    with metrics.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in (rows[0] if rows else {}) if name == "train/loss" or "/R" in name]
    charts = {
        name: line_chart([(int(row["epoch"]), float(row[name])) for row in rows if row.get(name)]) for name in names
    }
    return {name: chart for name, chart in charts.items() if chart is not None}


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
