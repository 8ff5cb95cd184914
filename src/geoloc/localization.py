"""Where the queries of a domain were taken, by the vote of their predictions, and how that is judged. No Lightning."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from geoloc.data.domains import Domain
from geoloc.errors import InputError
from geoloc.locate.calibration import Calibration, fit
from geoloc.locate.selective import (
    at_threshold,
    aurc,
    aurc_floor,
    brier,
    ece,
    recall_at_full_precision,
    reliability,
    risk_coverage,
)
from geoloc.locate.signals import signals
from geoloc.locate.vote import VOTERS, Vote, vote
from geoloc.predictions import Predictions


@dataclass(frozen=True)
class Located:
    """The voted positions of the Q queries of a domain.

    Attributes:
        votes: The positions, in the frame of the domain.
        errors: (Q,) float64 metres from each to where the query was taken.
        radius: Metres within which one is right.
        voters: Candidates of each query that voted.
        signals: (Q, S) float64.
        confidence: (Q,) float64 in 0..1; None without a calibration.
        expected: (Q,) float64 expected error in metres; None likewise.
        facts: What results.json has of them.
    """

    votes: Vote
    errors: np.ndarray
    radius: float
    voters: int
    signals: np.ndarray
    confidence: np.ndarray | None
    expected: np.ndarray | None
    facts: dict[str, Any]

    @property
    def right(self) -> np.ndarray:
        """(Q,) bool, whether the position lies within the radius."""
        return self.errors <= self.radius


def locate(
    domain: Domain,
    predictions: Predictions,
    default_radius: float,
    calibration: Calibration | None = None,
    precision: float = 0.9,
) -> Located | None:
    """Vote for the positions of a domain's queries, and judge them.

    Args:
        domain: Whose queries they are.
        predictions: Of all its queries, in the final order.
        default_radius: Metres within which a position is right, where the domain's protocol says nothing.
        calibration: Tells confidences from signals; None: none are told.
        precision: Share of right answers that is asked for, which chooses the threshold of the confidence.

    Returns:
        None where the domain's protocol counts frames: its positions are no metres.
    """
    if domain.protocol.frames is not None:
        return None
    radius = domain.radius_m(default_radius)
    positions, distances, votes = voted(domain, predictions, radius)
    errors = np.linalg.norm(votes.xy - domain.queries.xy, axis=1)
    told = signals(votes, positions, distances, radius)
    facts = {
        "queries": len(errors),
        "radius_m": float(radius),
        "voters": distances.shape[1],
        "within": 100 * float((errors <= radius).mean()),
        "median_error_m": round(float(np.median(errors)), 2),
    }
    confidence = expected = None
    if calibration is not None:
        confidence = calibration.confidence(told)
        expected = calibration.expected_error(confidence)
        facts |= _of_confidence(confidence, errors <= radius, calibration, precision)
        facts["nearer_than_expected"] = 100 * float((errors < expected).mean())
        facts["fitted_here"] = _who(domain) in calibration.fitted_on.get("queries_of", [])
    return Located(votes, errors, radius, distances.shape[1], told, confidence, expected, facts)


def voted(domain: Domain, predictions: Predictions, radius: float) -> tuple[np.ndarray, np.ndarray, Vote]:
    """What votes, and what comes of it.

    Args:
        domain: Whose queries they are.
        predictions: Of all its queries, in the final order.
        radius: Metres.

    Returns:
        (Q, k, A) positions and (Q, k) distances of the candidates that vote, and the vote.
    """
    positions, distances = domain.database.xy[predictions.ids[:, :VOTERS]], predictions.distances[:, :VOTERS]
    return positions, distances, vote(positions, distances, radius)


def calibrate(located: Mapping[str, tuple[Domain, Located]], facts: Mapping[str, Any]) -> Calibration:
    """Fit a calibration to the queries of labelled domains, all together.

    Args:
        located: Name -> domain, and its positions.
        facts: What is to be remembered: `model` and `protocol`.

    Raises:
        InputError: There is no domain, they are judged by different radii, or there are too few queries of a kind.
    """
    if not located:
        raise InputError("no labelled domain has positions in metres")
    radii = {each.radius for _, each in located.values()}
    if len(radii) > 1:
        raise InputError(
            f"{', '.join(located)}: are judged within different radii"
            f" ({', '.join(f'{radius:g} m' for radius in sorted(radii))}), and a confidence is of one"
        )
    pairs = located.values()
    about = {
        **facts,
        "domains": list(located),
        "queries_of": [_who(domain) for domain, _ in pairs],
    }
    return fit(
        np.concatenate([each.signals for _, each in pairs]),
        np.concatenate([each.errors for _, each in pairs]),
        radii.pop(),
        about,
        _together([domain.queries.xy for domain, _ in pairs]),
    )


def _who(domain: Domain) -> str:
    """Changes with the names and positions of a domain's queries."""
    asked = domain.queries
    return hashlib.blake2b(repr((asked.names.tolist(), asked.xy.tolist())).encode(), digest_size=8).hexdigest()


def _together(places: Sequence[np.ndarray]) -> np.ndarray:
    """(Q, 3) positions of several domains; those of two axes have a third of 0, so equal places stay equal."""
    return np.concatenate([np.pad(xy, ((0, 0), (0, 3 - xy.shape[1]))) for xy in places])


def _of_confidence(
    confidence: np.ndarray, right: np.ndarray, calibration: Calibration, precision: float
) -> dict[str, Any]:
    """What is told of confidences: how well they are calibrated, how well they rank, and what a threshold does."""
    curve, threshold = risk_coverage(confidence, right), calibration.threshold(precision)
    answered, wrong = (0, 0) if threshold is None else at_threshold(curve, threshold)
    return {
        "mean_confidence": float(confidence.mean()),
        "ece": ece(reliability(confidence, right)),
        "brier": brier(confidence, right),
        "aurc": aurc(curve),
        "aurc_floor": aurc_floor(len(right), int((~right).sum())),
        "r100p": 100 * recall_at_full_precision(curve),
        "answer_precision": precision,
        "highest_precision": calibration.highest_precision(),
        "threshold": threshold,
        "answered": 100 * answered / len(right),
        "right_of_answered": 100 * (answered - wrong) / answered if answered else None,
    }
