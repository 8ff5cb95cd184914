"""What is known of one domain once it has been judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from geoloc.data.domains import Domain
from geoloc.evaluate.before_after import Change, changes
from geoloc.evaluate.bootstrap import recall_intervals
from geoloc.evaluate.meters import Meters, summarise
from geoloc.evaluate.recall import hits_at_n, score
from geoloc.evaluate.slices import score_slices
from geoloc.localization import Located, voted
from geoloc.places import Neighbours
from geoloc.predictions import Predictions, Scores


@dataclass(frozen=True)
class Result:
    """One judged domain.

    Attributes:
        domain: The domain.
        positives: Its truth.
        predictions: Of all queries, in the final order.
        scores: Recalls of `predictions` with their counts.
        seconds: Wall time of each stage.
        raw: The predictions before post-processing; None if there was none.
        raw_scores: Recalls of `raw`; None likewise.
        bootstrap95: N -> 95 % bootstrap interval of recall in percent.
        changes: N -> what post-processing did; empty if there was none.
        slices: Scores of the queries of each condition; empty if there are no two.
        meters: Errors in metres; None where they were not asked for.
        index: Agreement of an approximate index with exact search (see `Quality`); empty for an exact one.
        protocol: Plain values that say how images were shown to the network (see `lit.protocol`).
        located: Positions voted by the predictions; None where there are none, or nobody has asked.
    """

    domain: Domain
    positives: Neighbours
    predictions: Predictions
    scores: Scores
    seconds: dict[str, float]
    raw: Predictions | None = None
    raw_scores: Scores | None = None
    bootstrap95: dict[int, tuple[float, float]] = field(default_factory=dict)
    changes: dict[int, Change] = field(default_factory=dict)
    slices: dict[str, Scores] = field(default_factory=dict)
    meters: Meters | None = None
    index: dict[str, float] = field(default_factory=dict)
    protocol: dict[str, Any] = field(default_factory=dict)
    located: Located | None = None


def complete(result: Result, ns: Sequence[int], sliced: bool = True) -> Result:
    """Add all that follows from the predictions: intervals, changes, slices, metres.

    Args:
        result: With predictions of all queries.
        ns: Recall values.
        sliced: Score the queries of each condition apart.
    """
    domain, scores, ids = result.domain, result.scores, result.predictions.ids
    hits = hits_at_n(ids, result.positives, ns)
    positions = voted(domain, result.predictions, scores.radius_m)[2].xy
    conditions = domain.queries.conditions
    assert conditions is not None
    return replace(
        result,
        bootstrap95={n: (float(low), float(high)) for n, (low, high) in zip(ns, recall_intervals(hits), strict=True)},
        changes={} if result.raw is None else changes(hits_at_n(result.raw.ids, result.positives, ns), hits, ns),
        slices=score_slices(hits, result.positives.counts > 0, conditions, ns, scores.database, scores.radius_m)
        if sliced
        else {},
        meters=summarise(ids, positions, domain.queries.xy, domain.database.xy),
    )


def scores_of(predictions: Predictions, positives: Neighbours, ns: Sequence[int], radius: float) -> Scores:
    """Recalls of the predictions of all queries.

    Args:
        predictions: Of all queries.
        positives: Database rows within `radius` metres of each query.
        ns: Recall values.
        radius: Metres.
    """
    right = hits_at_n(predictions.ids, positives, ns).sum(axis=0).tolist()
    answerable = int((positives.counts > 0).sum())
    return score(right, len(positives), answerable, ns, predictions.database_size, radius)
