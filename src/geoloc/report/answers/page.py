"""report.html of task=localize: a map of the answers, and each photo with what was found for it, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, select_autoescape

from geoloc.report.answers.asked import Asked
from geoloc.report.answers.gallery import gallery
from geoloc.report.answers.told import figures
from geoloc.report.gallery import SHOWN, as_json
from geoloc.report.told import length


def write_answer_page(
    folder: Path,
    asked: Asked,
    radius: float,
    inside: int,
    lines: Sequence[str],
    warnings: Sequence[str],
    rows: Sequence[tuple[str, str]],
    command: str,
) -> Path:
    """Write report.html.

    Args:
        folder: Of the run.
        asked: The photos and their answers.
        radius: Metres around an answer within which a candidate speaks for it.
        inside: Photos that the page holds itself; it shows those of others from their files.
        lines: What is to be said at its head.
        warnings: Of the run.
        rows: (what, how) of the network, the database and the search.
        command: The command line.

    Returns:
        The page.
    """
    environment = Environment(loader=PackageLoader("geoloc.report"), autoescape=select_autoescape())
    environment.filters["as_json"] = as_json
    page = folder / "report.html"
    page.write_text(
        environment.get_template("answers.html").render(
            name=f"{folder.parent.name} / {folder.name}",
            total=len(asked.names),
            figures=figures(asked),
            lines=lines,
            warnings=warnings,
            unreadable=asked.unreadable,
            data=gallery(asked, inside, radius, folder),
            calibrated=asked.answers.calibrated,
            truths=bool(np.isfinite(asked.errors).any()),
            shown=min(SHOWN, asked.answers.predictions.ids.shape[1]),
            radius=length(radius),
            rows=rows,
            command=command,
        ),
        encoding="utf-8",
    )
    return page
