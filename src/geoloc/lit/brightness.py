"""Conditions of queries from the brightness of their photos, where neither a note nor a table says what they are."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

import numpy as np
from pytorch_lightning.strategies import Strategy

from geoloc.data.conditions import by_brightness, measure
from geoloc.data.domains import Domain
from geoloc.data.progress import progress_bar
from geoloc.lit.gather import gather
from geoloc.result import Result

log = logging.getLogger(__name__)


def with_conditions(result: Result, strategy: Strategy, own: np.ndarray) -> Result:
    """The result with conditions measured where they are unknown.

    Args:
        result: Of a domain.
        strategy: Knows the processes.
        own: (n,) int64 queries of this process.
    """
    conditions = result.domain.queries.conditions
    assert conditions is not None
    if (conditions != "").all():
        return result
    start = time.perf_counter()
    conditions = _measure(result.domain, conditions, strategy, own)
    queries = replace(result.domain.queries, conditions=conditions)
    seconds = {**result.seconds, "brightness": time.perf_counter() - start}
    return replace(result, domain=replace(result.domain, queries=queries), seconds=seconds)


def _measure(domain: Domain, conditions: np.ndarray, strategy: Strategy, own: np.ndarray) -> np.ndarray:
    """(Q,) str conditions: those that are known, else by the photo's brightness; each process measures its own."""
    unknown = own[conditions[own] == ""]
    values = np.zeros(len(conditions), np.float32)
    with progress_bar(f"{domain.name}: brightness", shown=strategy.is_global_zero) as advance:
        values[unknown] = measure([domain.queries.path(int(row)) for row in unknown], advance)
    values = gather(strategy, values[own, None], len(conditions))[:, 0]
    measured = by_brightness(values)[conditions == ""].tolist()
    log.info(
        "%s: no note or table says the condition of %d of %d queries; by brightness %d are day and %d night",
        domain.name,
        len(measured),
        len(conditions),
        measured.count("day"),
        measured.count("night"),
    )
    return np.where(conditions == "", by_brightness(values), conditions)
