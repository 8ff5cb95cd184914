"""Numbers of post-processing steps that are chosen on val domains, before any test domain is looked at."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from geoloc.evaluate.recall import correct
from geoloc.places import Neighbours
from geoloc.postprocess.chain import Evidence, Step, apply, apply_all
from geoloc.predictions import Predictions

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TuningCase:
    """A val domain: its predictions before post-processing, what the steps may know, and its truth."""

    name: str
    predictions: Predictions
    evidence: Evidence
    positives: Neighbours


def tunable(steps: Sequence[Step]) -> list[Any]:
    """The steps that must be tuned before they are used."""
    return [step for step in steps if getattr(step, "tunable", False)]


def until_tuned(steps: Sequence[Step]) -> list[Step]:
    """The chain up to the last step that must be tuned; those after it have no part in the tuning."""
    last = max((number for number, step in enumerate(steps) if tunable([step])), default=-1)
    return list(steps[: last + 1])


def tune(steps: Sequence[Step], cases: Sequence[TuningCase]) -> dict[str, dict[str, float]]:
    """Tune every step that asks for it, each on what the steps before it leave.

    Args:
        steps: The chain; the tuned numbers stay in its objects.
        cases: One a val domain.

    Returns:
        Name of the step's class -> what was chosen, and what it brought on the val domains.
    """
    facts = {}
    predictions = [case.predictions for case in cases]
    for step in until_tuned(steps):
        if tunable([step]):
            found = step.tune(  # type: ignore[attr-defined]
                [
                    (each.ids, each.distances, case.evidence, correct(each.ids, case.positives))
                    for each, case in zip(predictions, cases, strict=True)
                ]
            )
            facts[type(step).__name__] = found
            log.info(
                "%s tuned on %s: %s",
                type(step).__name__,
                ", ".join(case.name for case in cases),
                ", ".join(f"{key} {value:.4g}" for key, value in found.items()),
            )
        predictions = [apply(step, each, case.evidence) for each, case in zip(predictions, cases, strict=True)]
    return facts


def ordered(steps: Sequence[Step], cases: Sequence[TuningCase]) -> dict[str, Predictions]:
    """The predictions of each case, by its name, in the order of the whole chain, whose steps have been tuned."""
    return {case.name: apply_all(steps, case.predictions, case.evidence) for case in cases}
