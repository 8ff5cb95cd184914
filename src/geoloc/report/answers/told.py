"""In words: how many photos have an answer, how sure that is and on what this rests, and how far off they truly are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from geoloc.report.answers.asked import Asked
from geoloc.report.told import length


def figures(asked: Asked) -> list[tuple[str, str]]:
    """(number, what it is) for the head of the page: of one photo where it was taken, of several how many."""
    answers, counts = asked.answers, asked.counts()
    if len(asked.names) == 1 and len(answers) == 1:
        (lat, lon), (east, north) = answers.latlon[0], answers.utm[0]
        place = f"{lat:.6f}, {lon:.6f}" if np.isfinite(lat) else f"{east:.1f}, {north:.1f}"
        found = [(place, "latitude, longitude" if np.isfinite(lat) else "metres to the east and north")]
        if not answers.known[0]:
            found = [("unknown", "too unsure"), (place, f"best guess, {found[0][1]}")]
        if answers.calibrated:
            found += [(length(answers.expected_error[0]), "expected error")]
            found += [(f"{answers.confidence[0]:.2f}", "confidence")]
    else:
        whole = f"of {len(asked.names):,} photos"
        found = [(f"{counts['answered']:,}", f"answered, {whole}")]
        found += [(f"{counts[key]:,}", key) for key in ("unknown", "unreadable") if counts[key]]
    found.append((f"{len(asked.base.names):,}", "database images"))
    off = asked.errors[np.isfinite(asked.errors)]
    if len(off):
        found.append((length(float(np.median(off))), "median error" if len(off) > 1 else "true error"))
    return found


def calibration_lines(facts: Mapping[str, Any], threshold: float | None, precision: float, most: float) -> list[str]:
    """What the confidences mean.

    Args:
        facts: `fitted_on` of the calibration.
        threshold: Confidence from which photos are answered; None: none is high enough.
        precision: Share of right answers that it was chosen for.
        most: The highest share that there is a threshold for.
    """
    radius, where = facts["radius_m"], _domains(facts)
    meaning = (
        f"Confidence: the probability that an answer lies within {radius:g} m of where the photo was taken. It was"
        f" fitted on {where} ({facts['queries']:,} labelled queries, {facts['right']:,} of them located within"
        f" {radius:g} m; expected calibration error {facts['ece']:.3f}), and holds for photos and places like those."
    )
    error = (
        "Expected error: the median error of the labelled queries of like confidence; half of them were farther off."
    )
    if threshold is None:
        limit = (
            f"Unknown: all photos, so all coordinates are best guesses. Answers are to be right {100 * precision:g} %"
            f" of the time (answer_precision={precision:g}), and the {facts['queries']:,} labelled queries of {where}"
            f" are too few, or too often wrong, to vouch for more than {100 * most:g} %. To have answers, type"
            f" answer_precision={most:g} or less, or calibrate with more labelled photos (calibrate=true)."
        )
    else:
        limit = (
            f"Unknown: a confidence below {threshold:.3f}. From there on at least {100 * precision:g} % of the answers"
            f" were right on {where} (answer_precision={precision:g}); in another place it may be fewer."
        )
    return [meaning, error, limit]


def truth_lines(asked: Asked, radius: float) -> list[str]:
    """How far off the answers truly are, of photos that say where they were taken; empty if none does."""
    off = asked.errors
    said = np.isfinite(off)
    if not said.any():
        return []
    parts = [_share("all", off[said], radius)]
    if asked.answers.calibrated and not asked.answers.known[said].all():
        parts += [_share("answered", off[said & asked.answers.known], radius)]
        parts += [_share("unknown", off[said & ~asked.answers.known], radius)]
    number = int(said.sum())
    if number == 1:
        told = f"{length(float(off[said][0]))} from the answer"
        return [f"One photo says by its name or EXIF data where it was taken, {told}; nothing was found by that."]
    return [
        f"{number:,} photos say by their names or EXIF data where they were taken; nothing was found by that. Within"
        f" {radius:g} m of it: {'; '.join(part for part in parts if part)}."
    ]


def _share(what: str, off: np.ndarray, radius: float) -> str:
    if not len(off):
        return ""
    return f"{int((off <= radius).sum())} of {len(off)} {what} (median error {length(float(np.median(off)))})"


def _domains(facts: Mapping[str, Any]) -> str:
    names = facts.get("domains") or ["labelled queries"]
    return " and ".join(map(str, names)) if len(names) < 4 else f"{len(names)} domains"
