"""What the page says of located queries and their confidences: charts, table and words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geoloc.report.answers_file import read_answers
from geoloc.report.confidence_charts import ConfidenceCharts, confidence_charts

Domains = Mapping[str, Mapping[str, Any]]  # as results.json has them
CLOSE = 0.1  # that a mean confidence may differ from the share of right queries, besides by chance


def charts_of(folder: Path, domains: Domains) -> ConfidenceCharts | None:
    """The charts of all domains whose queries have confidences; None if there is none.

    Args:
        folder: Of the run.
        domains: Of results.json.
    """
    answers, thresholds = {}, {}
    for name, facts in domains.items():
        found = read_answers(folder / "predictions" / f"{name}.answers.csv") if "ece" in _located(facts) else None
        if found is not None and len(found.right):
            answers[name] = found.confidence, found.right
            thresholds[name] = _located(facts)["threshold"]
    return confidence_charts(answers, thresholds) if answers else None


HEAD = (
    ("located", "percent of all queries whose voted position lies within the radius"),
    ("median", "error of the voted positions"),
    ("confidence", "mean of all queries, in percent"),
    ("nearer", "percent of all queries whose position is off by less than the expected error; 50 would be right"),
    ("ECE", "expected calibration error"),
    ("Brier", "mean squared error of the confidence"),
    ("AURC", "area under the risk-coverage curve; small: the least that any order of these queries can have"),
    ("R@100P", "percent of all queries answered before the first wrong one"),
    ("answered", "percent of all queries whose confidence reaches the threshold"),
    ("right", "percent of the answered ones"),
)


def rows_of(domains: Domains) -> dict[str, list[str]]:
    """Domain -> cells under `HEAD`; those of a confidence are empty where there is none."""
    return {name: _cells(facts) for name, facts in domains.items() if _located(facts)}


def _cells(facts: Mapping[str, Any]) -> list[str]:
    own = _located(facts)
    cells = [f"{own['within']:.1f}", f"{own['median_error_m']:.1f} m"]
    if "ece" not in own:
        return cells + [""] * (len(HEAD) - len(cells))
    right = own["right_of_answered"]
    return [
        *cells,
        f"{100 * own['mean_confidence']:.1f}",
        f"{own['nearer_than_expected']:.1f}",
        f"{own['ece']:.3f}",
        f"{own['brier']:.3f}",
        f"{own['aurc']:.3f} ({own['aurc_floor']:.3f})",
        f"{own['r100p']:.1f}",
        f"{own['answered']:.1f}",
        "none" if right is None else f"{right:.1f}",
    ]


def words_of(calibration: Mapping[str, Any], domains: Domains) -> list[str]:
    """What a confidence means, where it comes from, and what it is worth on each domain: a sentence or two each.

    Args:
        calibration: Of results.json; empty if there was none.
        domains: Of results.json.
    """
    if not calibration:
        return ["There is no calibration, so no position has a confidence (see the warnings, or calibrate=false)."]
    about = calibration["fitted_on"]
    said = [
        f"A confidence is the probability that the position lies within {about['radius_m']:g} m of where the photo was"
        f" taken. It was fitted on {about['queries']} queries of {', '.join(about['domains'])}, of which"
        f" {about['right']} are located; there, in cross-validation by place: ECE {about['ece']:.3f}, Brier"
        f" {about['brier']:.3f}, AURC {about['aurc']:.3f} (at best {about['aurc_floor']:.3f}), R@100P"
        f" {100 * about['r100p']:.1f} %. It holds for photos like those, and for no others: in another season or at"
        " night it may be far too sure. The expected error is the median error of the queries of like confidence there."
    ]
    judged = {name: own for name, facts in domains.items() if "ece" in (own := _located(facts))}
    said += [_verdict(name, own) for name, own in judged.items()]
    first = next(iter(judged.values()), None)
    return said if first is None else [*said, _threshold(first)]


def too_sure(own: Mapping[str, Any]) -> bool:
    """Whether confidences are higher than the share of located queries, by more than chance would explain.

    Args:
        own: `localization` of a domain in results.json, with confidences.
    """
    return own["mean_confidence"] - own["within"] / 100 > _leeway(own)


def _verdict(name: str, own: Mapping[str, Any]) -> str:
    """Whether the confidences of a domain fit."""
    mean, right = own["mean_confidence"], own["within"] / 100
    told = f"mean confidence {100 * mean:.0f} %, and {100 * right:.0f} % are located"
    if too_sure(own):
        why = "these photos are unlike those of the fit, so trust neither its confidences nor the threshold here"
        return f"{name}: TOO SURE ({told}): {why}."
    if right - mean > _leeway(own):
        return f"{name}: not sure enough ({told}); more could be answered here."
    same = " These are the queries of the fit itself, so it looks better than it is." if own["fitted_here"] else ""
    return f"{name}: about as sure as it is right ({told}).{same}"


def _leeway(own: Mapping[str, Any]) -> float:
    right = own["within"] / 100
    return CLOSE + 2 * (right * (1 - right) / own["queries"]) ** 0.5


def _threshold(own: Mapping[str, Any]) -> str:
    """What the threshold is for."""
    asked = f"Answers that are to be right at {100 * own['answer_precision']:g} % (answer_precision)"
    if own["threshold"] is None:
        most = own["highest_precision"]
        return (
            f'{asked}: there are none, always "I don\'t know". The queries of the fit are too few, or too often wrong,'
            f" to vouch for more than {100 * most:g} % (one-sided 80 % bound): answer_precision={most:g} or less gives"
            " answers."
        )
    return (
        f"{asked} are given from a confidence of {own['threshold']:.3f} on, the lowest from which queries of the fit"
        ' were right so often (one-sided 80 % bound); below it the answer is "I don\'t know".'
    )


def _located(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    return facts.get("localization") or {}
