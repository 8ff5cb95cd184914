"""From the descriptors of a domain to the predictions of its queries: index, view, post-processing. No Lightning."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from geoloc.data.domains import Domain
from geoloc.data.images import read_image
from geoloc.data.progress import progress_bar
from geoloc.errors import InputError
from geoloc.index.exact import Exact
from geoloc.index.fitting import fitted
from geoloc.index.grouped import Grouped, fitted_groups
from geoloc.index.index import Fitted, Index
from geoloc.index.quality import Quality, recall_of
from geoloc.postprocess.chain import Evidence, Step, apply_all, evidence_of
from geoloc.postprocess.panoramas import candidates_for, merged
from geoloc.predictions import Descriptors, Predictions
from geoloc.views.view import Merges, Pools, View

log = logging.getLogger(__name__)

# Descriptors that are searched between two looks of the bar; as many as an index takes at once.
AT_ONCE = 1024
# Queries whose crops are pooled at once: five crops of 32,768 values each take 170 MB then.
BLOCK = 256


@dataclass(frozen=True)
class Found:
    """What was found for some queries.

    Attributes:
        raw: Before post-processing.
        final: After it; the same where there is none.
        quality: Of an approximate index, against exact search on a sample; None for an exact one.
        seconds: Wall time of each stage.
    """

    raw: Predictions
    final: Predictions
    quality: Quality | None = None
    seconds: dict[str, float] = field(default_factory=dict)


def chain_of(nodes: Mapping[str, Any], make: Callable[[Any], Any]) -> list[Any]:
    """The steps of the config's `postprocess`.

    Args:
        nodes: Choice -> node; that of none is empty.
        make: Builds the object of a node.
    """
    return [make(node) for node in nodes.values() if node]


def check_view(view: View) -> None:
    """Make sure that something can be done with several crops.

    Raises:
        ValueError: The view neither pools nor merges them.
    """
    if view.count > 1 and not isinstance(view, Pools | Merges):
        raise ValueError(f"views: {type(view).__name__} shows {view.count} crops, but has neither `pool` nor `merge`")


def check_chain(view: View, steps: Sequence[Step]) -> None:
    """Make sure that a view leaves the steps what they need.

    Raises:
        InputError: A step needs the descriptor of the query, and the view has one of each crop.
    """
    needing = [step for step in steps if "descriptors" in step.needs]
    if needing and view.count > 1 and not isinstance(view, Pools):
        raise InputError(
            f"postprocess: {choice_of(needing[0])} needs one descriptor of each query, and views={choice_of(view)} has"
            f" {view.count}; use another view, such as views=five_crops, or leave {choice_of(needing[0])} out"
        )


def fitted_for(
    domain: Domain, index: Index, database: np.ndarray, path: Path | None, model: str, write: bool = True
) -> Fitted | Grouped:
    """The index of a domain, or where its protocol searches within groups, one for each; see `fitting.fitted`."""
    with progress_bar(f"{domain.name}: building the index", "descriptors", write) as advance:
        if hasattr(index, "progress"):
            index.progress = advance
        if domain.protocol.groups == "none":
            return fitted(index, database, path, model, write)
        return fitted_groups(index, database, domain.groups(), path, model, write)


def find(
    domain: Domain,
    descriptors: Descriptors,
    own: np.ndarray,
    index: Index,
    built: Fitted | Grouped,
    view: View,
    steps: Sequence[Step],
    k: int,
    shown: bool = True,
) -> Found:
    """Search some queries and post-process what is found.

    Where the protocol of the domain counts one hit a panorama, so many candidates are searched that the first k
    panoramas are among them, and the best image of each is what is found.

    Args:
        domain: Whose queries they are.
        descriptors: (N + Q * V, D); crop v of query q is in row q * V + v of its queries.
        own: (n,) int64 queries wanted.
        index: Settings of the search.
        built: The same, of this database.
        view: Whose crops were described.
        steps: The chain of post-processing.
        k: Predictions wanted; never more than N are found.
        shown: Show the progress of long steps.
    """
    start = time.perf_counter()
    vectors = one_each(view, descriptors.queries, own)
    looked_up = descriptors.queries[crop_rows(own, view.count).ravel()] if vectors is None else vectors
    panos = domain.database.panos if domain.protocol.panoramas else None
    depth = k if panos is None else candidates_for(panos, k)
    found = _look_up_all(domain, built, looked_up, own, depth, shown)
    quality = None
    if index.approximate and len(looked_up):
        exact = fitted_for(domain, Exact(), descriptors.database, None, "")
        quality = recall_of(found, lambda rows, k: _look_up(domain, exact, looked_up, own, k, rows))
    if vectors is None and isinstance(view, Merges):
        shape = (len(own), view.count, found.ids.shape[1])
        one_list = view.merge(found.ids.reshape(shape), found.distances.reshape(shape), shape[2])
        found = Predictions(*one_list, found.database_size)
    if panos is not None:
        found = merged(found, panos, k)
    seconds = {"search": time.perf_counter() - start}
    if not steps:
        return Found(found, found, quality, seconds)
    if len(own) < len(domain.queries) and any("order" in step.needs for step in steps):
        raise InputError(
            "postprocess: a sequence is searched in one piece; use trainer.devices=1, or task=search run=PATH"
        )
    post = post_process(domain, found, evidence(domain, own, descriptors.database, vectors), steps, shown)
    return Found(found, post.final, quality, seconds | post.seconds)


def _look_up_all(
    domain: Domain, built: Fitted | Grouped, vectors: np.ndarray, own: np.ndarray, k: int, shown: bool
) -> Predictions:
    """Search descriptors of the queries `own`, block by block, and show how far it is."""
    if len(vectors) <= AT_ONCE:
        return _look_up(domain, built, vectors, own, k)
    found = []
    with progress_bar(f"{domain.name}: searching", "queries", shown) as advance:
        advance(0, len(vectors))
        for start in range(0, len(vectors), AT_ONCE):
            rows = slice(start, min(start + AT_ONCE, len(vectors)))
            found.append(_look_up(domain, built, vectors, own, k, rows))
            advance(rows.stop, len(vectors))
    return Predictions(
        np.concatenate([each.ids for each in found]),
        np.concatenate([each.distances for each in found]),
        found[0].database_size,
    )


def _look_up(
    domain: Domain,
    built: Fitted | Grouped,
    vectors: np.ndarray,
    own: np.ndarray,
    k: int,
    rows: np.ndarray | slice = np.s_[:],
) -> Predictions:
    """Search descriptors of the queries `own`, of each equally many that stand one after the other; or some `rows`."""
    if not isinstance(built, Grouped):
        return built.search(vectors[rows], k)
    assert domain.queries.groups is not None
    groups = np.repeat(domain.queries.groups[own], len(vectors) // max(len(own), 1))
    return built.search(vectors[rows], groups[rows], k)


def post_process(
    domain: Domain, found: Predictions, known: Evidence, steps: Sequence[Step], shown: bool = True
) -> Found:
    """Put predictions in the order of a chain.

    Args:
        domain: Whose queries they are of.
        found: The predictions.
        known: Evidence of the same queries.
        steps: The chain.
        shown: Show the progress of long steps.
    """
    start = time.perf_counter()
    with progress_bar(f"{domain.name}: post-processing", "queries", shown) as advance:
        for step in steps:
            if hasattr(step, "progress"):
                step.progress = advance
        final = apply_all(steps, found, known)
    return Found(found, final, seconds={"postprocess": time.perf_counter() - start})


def evidence(domain: Domain, own: np.ndarray, database: np.ndarray | None, queries: np.ndarray | None) -> Evidence:
    """What the steps may know of the queries `own` of a domain.

    Args:
        domain: The domain.
        own: (n,) int64 queries.
        database: (N, D) descriptors; None if there are none.
        queries: (n, D) descriptors of these queries; None if there are none, or several of each.
    """
    known = evidence_of(domain.database, domain.queries, None, read=lambda path: np.asarray(read_image(path)))
    return replace(known.select(own), database=database, queries=queries)


def one_each(view: View, crops: np.ndarray, own: np.ndarray) -> np.ndarray | None:
    """(n, D) descriptors of the queries `own` ((n,) int64) from those of all crops, (Q * V, D); None if each has V."""
    if isinstance(view, Pools):
        found = np.empty((len(own), crops.shape[1]), np.float32)
        for start in range(0, len(own), BLOCK):
            queries = own[start : start + BLOCK]
            found[start : start + BLOCK] = view.pool(crops[crop_rows(queries, view.count)])
        return found
    if view.count > 1:
        return None
    every = np.array_equal(own, np.arange(len(crops)))  # then they need not be read into memory
    return crops if every else crops[own]


def crop_rows(queries: np.ndarray, count: int) -> np.ndarray:
    """Rows of the crops of each query.

    Example:
        >>> crop_rows(np.array([0, 2]), 3).tolist()
        [[0, 1, 2], [6, 7, 8]]
    """
    return queries[:, None] * count + np.arange(count)


def choice_of(part: object) -> str:
    """What the command line calls a part, such as a step or a view: the name of its module."""
    return type(part).__module__.rpartition(".")[2]
