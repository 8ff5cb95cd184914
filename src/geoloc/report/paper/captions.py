"""figures/captions.md: what each figure shows and rests on, which a figure for a paper does not say itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from geoloc.evaluate.rules import told
from geoloc.report.paper.chosen import TOLD
from geoloc.report.paper.maps import Area

Domains = Mapping[str, Mapping[str, Any]]  # as results.json has them


def counts(domains: Domains) -> str:
    """What the recalls of each domain rest on.

    Example:
        >>> counts({"day": {"queries": 252, "database": 432, "radius_m": 25.0}})
        'day: 252 queries, 432 database images, right within 25 m.'
    """
    return " ".join(
        f"{name}: {facts['queries']} queries, {facts['database']} database images, {told(facts)}."
        for name, facts in domains.items()
    )


def of_recall_at_n(domains: Domains, raw: bool) -> str:
    """Of the figure recall_at_n."""
    dotted = " Dotted: before post-processing." if raw else ""
    return (
        "Recall at N: percent of all queries with a correct image among their first N predictions. Bands: 95 % Wilson"
        f" score intervals.{dotted} {counts(domains)}"
    )


def of_recall_by_distance(domains: Domains, radius: float | None) -> str:
    """Of the figure recall_by_distance."""
    dashed = f" Dashed: {radius:g} m, as in the tables." if radius is not None else ""
    what = "Recall at 1 in percent of all queries, by the distance within which an image is right."
    return f"{what}{dashed} {counts(domains)}"


def of_training() -> str:
    """Of the figure training."""
    return "Training loss (mean of each epoch) and recall on the validation data by epoch."


def of_strips(name: str, shown: Sequence[tuple[str, str]], picked: bool) -> str:
    """Of the figure strips_<domain>.

    Args:
        name: Of the domain.
        shown: (path of the query, its kind) of each row.
        picked: By name, and not by rule.
    """
    how = (
        "Chosen by hand."
        if picked
        else "Chosen by rule: the surest mistakes and the hardest finds, by descriptor distance of the first one."
    )
    was = " Below a query: its first prediction before post-processing." * any(
        k in ("helped", "hurt") for _, k in shown
    )
    rows = "".join(f"\n{number}. {TOLD[kind]}: `{query}`" for number, (query, kind) in enumerate(shown, 1))
    return (
        f"Queries of {name} (left) and their first predictions, with the distance of each from the query. Whole frame:"
        f" right; dashed frame: wrong.{was} {how}\n{rows}"
    )


def of_map(name: str, facts: Mapping[str, Any], areas: Sequence[Area], elsewhere: int, north: bool) -> str:
    """Of the figure map_<domain>.

    Args:
        name: Of the domain.
        facts: Its entry in results.json.
        areas: Of the panels.
        elsewhere: Wrong queries whose first prediction lies in another area.
        north: Whether up is north.
    """
    shown = sum(len(area.queries) for area in areas)
    said = [f"Database and queries of {name}; a line leads from a wrong first prediction to the place of its query."]
    if len(areas) > 1:
        said.append(f"{len(areas)} areas, each to its own scale.")
    if shown < facts["queries"]:
        said.append(f"Left out: {facts['queries'] - shown} of {facts['queries']} queries, in smaller areas.")
    if elsewhere:
        said.append(f"{elsewhere} wrong first predictions lie in another area, and have no line.")
    if not north:
        said.append("The positions are in a frame of their own; up need not be north.")
    return " ".join([*said, counts({name: facts})])
