"""An answer as the page shows it: plain values, and the sentences that say how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from geoloc.answers import Answers
from geoloc.demo.base import Base
from geoloc.report.told import length

if TYPE_CHECKING:
    from geoloc.locator import Locator


def answer_of(locator: Locator, answers: Answers, base: Base, seconds: float, own: int | None = None) -> dict[str, Any]:
    """The answer to one photo.

    Args:
        locator: That has answered.
        answers: To this photo alone.
        base: The database as the map shows it.
        seconds: That it took.
        own: Row of the photo, if it is one of the database; it was left out of the search.
    """
    xy, index = answers.xy[0], locator.index
    ids, distances = answers.predictions.ids[0], answers.predictions.distances[0]
    metres = np.linalg.norm(index.xy[ids] - xy, axis=1)
    near = metres <= locator.radius
    confidence = float(answers.confidence[0]) if answers.calibrated else None
    error = float(answers.expected_error[0]) if answers.calibrated else None
    off = None if own is None else float(np.linalg.norm(index.xy[own] - xy))
    return {
        **_position(answers, index.coordinates == "local"),
        **_verdict(locator, answers),
        "place": base.place_of(xy, int(ids[metres.argmin()])),
        "truth": None if own is None else base.place(own),
        "confidence": confidence,
        "threshold": answers.threshold,
        "expected_error": error,
        "facts": _facts(locator, near, error, off, seconds),
        "found": [
            {
                "row": int(row),
                "name": str(index.ids[row]),
                "time": str(index.times[row]),
                "place": base.place(int(row)),
                "metres": round(float(far), 2),
                "near": bool(close),
                "distance": round(float(distance), 4),
            }
            for row, far, close, distance in zip(ids, metres, near, distances, strict=True)
        ],
    }


def _position(answers: Answers, local: bool) -> dict[str, Any]:
    """Coordinates as people read, copy and follow them."""
    lat, lon = answers.latlon[0].tolist()
    east, north = answers.utm[0].tolist()
    if np.isfinite(lat):
        degrees, mark = f"{lat:.6f}, {lon:.6f}", f"mlat={lat:.6f}&mlon={lon:.6f}#map=19/{lat:.6f}/{lon:.6f}"
        metres = f"UTM {answers.zones[0]} {east:.1f} E, {north:.1f} N"
        return {"where": degrees, "osm": f"https://www.openstreetmap.org/?{mark}", "utm": metres}
    frame = "metres in the frame of the database" if local else "UTM in metres; the database does not say in which zone"
    return {"where": f"{east:.1f}, {north:.1f}", "osm": None, "utm": frame}


def _verdict(locator: Locator, answers: Answers) -> dict[str, str]:
    """What is thought of the answer: in a word, in a sentence, and what the threshold means."""
    if locator.calibration is None:
        why = "Not calibrated: nothing is known of how sure it is."
        return {"verdict": "uncalibrated", "said": "Best guess", "why": why, "limit": ""}
    precision, threshold = f"{100 * locator.precision:g} %", answers.threshold
    where = f"within {locator.radius:g} m, on the labelled photos of {fitted_on(locator.calibration.fitted_on)}"
    if threshold is None:
        limit, reason = f"Right: {where}.", f"no confidence is high enough for {precision} precision"
    else:
        limit = f"From {100 * threshold:.0f} % on, at least {precision} of the answers are right: {where}."
        reason = f"it is below the threshold for {precision} precision"
    if answers.known[0]:
        why = f"This is above the threshold for {precision} precision."
        return {"verdict": "known", "said": "Found", "why": why, "limit": limit}
    return {"verdict": "unsure", "said": "I don't know", "why": f"This is the best guess; {reason}.", "limit": limit}


def _facts(
    locator: Locator, near: np.ndarray, error: float | None, off: float | None, seconds: float
) -> list[tuple[str, str]]:
    voters = near[: locator.voters]
    found = [(f"photos found within {locator.radius:g} m", f"{int(voters.sum())} of {len(voters)}")]
    if error is not None:
        found.insert(0, ("half of such answers within", length(error)))
    if off is not None:
        found.insert(0, ("off from where it was taken", length(off)))
    return [*found, ("answered in", f"{seconds:.2f} s")]


def fitted_on(facts: dict[str, Any]) -> str:
    """The domains that a calibration was fitted on."""
    domains = facts.get("domains") or []
    return ", ".join([domains] if isinstance(domains, str) else domains) or "a domain that it does not name"
