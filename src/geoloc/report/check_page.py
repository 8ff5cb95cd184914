"""check.html: one self-contained page about the chosen data."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from PIL import Image

from geoloc.data.check.subject import SHOWN, Finding, Subject
from geoloc.data.images import read_image
from geoloc.report.check_charts import HEIGHT, WIDTH, bars, map_of
from geoloc.report.thumbnails import inline
from geoloc.textfiles import write_whole

THUMB = (160, 120)  # pixels that a photo of a pair is fitted into


def write_check_page(
    page: Path, command: str, subjects: Sequence[Subject], facts: Sequence[dict[str, Any]], findings: Sequence[Finding]
) -> Path:
    """Write the page.

    Args:
        page: File to be written.
        command: That the check was started with.
        subjects: The domains.
        facts: Of each domain, see `geoloc.data.check.facts`.
        findings: The worst first.

    Returns:
        The page.
    """
    environment = Environment(
        loader=PackageLoader("geoloc.report"), autoescape=select_autoescape(), trim_blocks=True, lstrip_blocks=True
    )
    thumb = lru_cache(maxsize=1000)(_thumb)  # a photo may be in many pairs
    text = environment.get_template("check.html").render(
        command=command,
        spoiling=[finding for finding in findings if finding.spoils],
        findings=[
            (finding, [((first.name, thumb(first)), (second.name, thumb(second))) for first, second in finding.pairs])
            for finding in findings
        ],
        domains=[(each, _charts(subject, each)) for subject, each in zip(subjects, facts, strict=True)],
        shown=SHOWN,
        width=WIDTH,
        height=HEIGHT,
    )
    write_whole(page, text)
    return page


def _charts(subject: Subject, facts: dict[str, Any]) -> dict[str, Any]:
    domain = subject.domain
    flat = domain.database.xy.shape[1] == 2  # in the frame of several UTM zones there is no plane to draw
    return {
        "positives": bars(facts["positives_of_queries"]),
        "spacing": bars(facts["metres_to_next"]) if facts["positions"] > 1 else [],
        "map": map_of(domain.database.xy, domain.queries.xy) if flat else None,
    }


def _thumb(path: Path) -> str:
    image = read_image(path)
    image.thumbnail(THUMB, Image.Resampling.BILINEAR)
    return inline(image)
