"""task=search run=PATH: search a run's descriptors again, or only put its predictions in another order.

Takes seconds: nothing is described. Where the run has kept no descriptors, its saved predictions are what there is.
"""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, replace

import numpy as np

from geoloc.data.domains import Domain
from geoloc.errors import InputError
from geoloc.index.fitting import release
from geoloc.lit.protocol import facts_of
from geoloc.postprocess.chain import Step
from geoloc.predictions import Descriptors, Predictions
from geoloc.report.page import write_page
from geoloc.result import Result, complete, scores_of
from geoloc.search import Found, check_chain, check_view, evidence, find, fitted_for, post_process
from geoloc.tasks import build
from geoloc.tasks.calibration import compared, with_positions
from geoloc.tasks.job import Job, refuse_idle
from geoloc.tasks.reading import NOT_BY_RADIUS, check_depth
from geoloc.tasks.results import write_results
from geoloc.tasks.saved import SavedRun, open_run
from geoloc.tasks.table import print_table, tell_positions
from geoloc.tuning import TuningCase, tunable, tune, until_tuned
from geoloc.views.view import View

log = logging.getLogger(__name__)

# What may be typed: all else has been decided when the images were described.
MATTERS = (
    *(
        "answer_precision",
        "hydra",
        "index",
        "monitor",
        "name",
        "paths",
        "postprocess",
        "radius.eval",
        "recall_values",
        "report_queries",
    ),
    *("run", "saved_predictions", "seed", "task", "views"),
)


def do(job: Job) -> float:
    """Run the task.

    Returns:
        Mean recall over the test domains in percent, at the monitored N.
    """
    start = time.perf_counter()
    refuse_idle(job, MATTERS, "task=search, which describes nothing")
    run = open_run(job.cfg["run"])
    steps, n = build.steps(job), _monitored(run, job)
    tuned, tuned_on = _tune(run, job, steps) if tunable(steps) else ({}, {})
    results = {name: _search(run, job, name, steps) for name in run.results["domains"]}
    asked = compared(next(iter(results.values())).protocol, job.cfg["postprocess"])
    model = run.results["model"].get("digest", "")
    results, used = with_positions(job, results, run.results.get("calibration"), model, asked)
    write_results(job, run.results["model"], results, {"search": time.perf_counter() - start}, tuned_on, tuned, used)
    print_table(results)
    tell_positions(results)
    log.info("report: %s", write_page(job.folder, job.cfg["report_queries"]))
    return float(np.mean([result.scores.recalls[n] for result in results.values()]))


def _search(run: SavedRun, job: Job, name: str, steps: list[Step]) -> Result:
    ns = _ns(run, job)
    domain, radius = _judged(run, job, run.domain(name))
    check_depth(domain, ns, name)
    vectors = run.descriptors(name)
    protocol = run.results["protocol"]
    if vectors is None:
        found = _reorder(run, job, domain, steps)
    else:
        view = _view(run, job)
        check_chain(view, steps)
        protocol = protocol | {"views": facts_of(view), "index": job.cfg["index"]}
        index = job.make(job.cfg["index"])
        descriptors = Descriptors(vectors, len(domain.database))
        path = run.folder / "descriptors" / f"{name}.{index.name}"
        built = fitted_for(domain, index, descriptors.database, path, run.results["model"].get("digest", ""))
        own = np.arange(len(domain.queries))
        saved = 0 if "saved_predictions" in job.typed else run.candidates(name)
        k = max(*ns, saved or job.cfg["saved_predictions"])
        found = find(domain, descriptors, own, index, built, view, steps, k)
        release(built)
    positives = domain.positives(radius)
    result = Result(
        domain,
        positives,
        found.final,
        scores_of(found.final, positives, ns, radius),
        found.seconds,
        raw=found.raw if steps else None,
        raw_scores=scores_of(found.raw, positives, ns, radius) if steps else None,
        index={} if found.quality is None else asdict(found.quality),
        protocol=protocol,
    )
    return complete(result, ns)


def _reorder(run: SavedRun, job: Job, domain: Domain, steps: list[Step]) -> Found:
    """Post-process the predictions that the run has saved."""
    wanted = {key.split(".")[0] for key in job.typed} & {"index", "views"}
    if wanted:
        raise InputError(
            f"{min(wanted)}: {run.folder} has kept no descriptors that could be searched again; task=describe"
            " checkpoint=PATH keeps them, or keep_descriptors=true"
        )
    raw, ns = run.raw_predictions(domain), _ns(run, job)
    typed = job.cfg["saved_predictions"] if "saved_predictions" in job.typed else 0
    there = raw.ids.shape[1]
    if max(*ns, typed) > there and there < min(map(len, domain.groups().values())):
        key = "saved_predictions" if typed > max(ns) else "recall_values"
        raise InputError(
            f"{key}: {run.folder} has saved {there} predictions a query, and no descriptors to search for more; ask for"
            f" no more than {there}, or let task=test save more"
        )
    if typed:
        first = np.s_[:, : max(*ns, typed)]
        raw = Predictions(raw.ids[first], raw.distances[first], raw.database_size)
    return post_process(domain, raw, evidence(domain, np.arange(len(domain.queries)), None, None), steps)


def _tune(run: SavedRun, job: Job, steps: list[Step]) -> tuple[dict[str, dict[str, float]], dict[str, Result]]:
    """Tune the steps on predictions of val domains that the run has saved; what was chosen, and on what."""
    name = type(tunable(steps)[0]).__name__
    domains = run.tuned_on()
    if not domains:
        raise InputError(
            f"postprocess: {name} is tuned on predictions of val domains, which {run.folder} has not saved; give it a"
            " number, such as postprocess.geo_density.weight=0.5, or run task=test once with it, which saves them"
        )
    needing = [type(step).__name__ for step in until_tuned(steps) if "descriptors" in step.needs]
    if needing:
        raise InputError(
            f"postprocess: {name} is tuned on val domains, and of these no descriptors are kept, which {needing[0]}"
            " needs; give it a number, or use task=test"
        )
    cases, results = [], {}
    for domain in domains:
        predictions = run.val_predictions(domain)
        domain, radius = _judged(run, job, domain)
        positives = domain.positives(radius)
        known = evidence(domain, np.arange(len(domain.queries)), None, None)
        cases.append(TuningCase(domain.name, predictions, known, positives))
        scores = scores_of(predictions, positives, _ns(run, job), radius)
        results[domain.name] = Result(domain, positives, predictions, scores, {})
    return tune(steps, cases), results


def _view(run: SavedRun, job: Job) -> View:
    """The view that the queries were described under, or a typed one that shows the same crops.

    Raises:
        InputError: The typed one shows others.
    """
    if not any(key.split(".")[0] == "views" for key in job.typed):
        return run.view()
    new: View = job.make(job.cfg["views"])
    check_view(new)
    old = run.view()
    if new.count != old.count or type(new).crops is not type(old).crops:
        raise InputError(
            f"views: the queries were described under views={facts_of(old)['name']}, which shows other crops; task=test"
            " or task=describe can show them so"
        )
    return new


def _monitored(run: SavedRun, job: Job) -> int:
    """N of the recall that the task returns.

    Raises:
        InputError: It is typed, and there is no such recall.
    """
    n, ns = int(job.cfg["monitor"][1:]), _ns(run, job)
    if n in ns or "monitor" not in job.typed:
        return n if n in ns else ns[0]
    raise InputError(f"monitor: {job.cfg['monitor']} needs {n} among recall_values, which are {ns} here")


def _judged(run: SavedRun, job: Job, domain: Domain) -> tuple[Domain, float]:
    """The domain under the radius that is typed, else under that of the run; and that radius in metres."""
    radius = float(job.cfg["radius"]["eval"])
    if {"radius", "radius.eval"} & job.typed:
        if domain.protocol.frames is None:
            return replace(domain, protocol=replace(domain.protocol, radius=radius)), radius
        log.warning(NOT_BY_RADIUS, domain.name, domain.protocol.frames)
    was = run.results["domains"].get(domain.name, {}).get("radius_m", radius)
    return domain, domain.radius_m(was)


def _ns(run: SavedRun, job: Job) -> list[int]:
    """Recall values as typed, else those of the run, else those of the config."""
    facts = next(iter(run.results["domains"].values()))
    return list(
        job.cfg["recall_values"] if "recall_values" in job.typed else map(int, facts.get("recalls", {}))
    ) or list(job.cfg["recall_values"])
