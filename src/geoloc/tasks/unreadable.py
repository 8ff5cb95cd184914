"""`unreadable=skip_and_count`: leave the train images that cannot be read out of training, and say so."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np
from pytorch_lightning.utilities import rank_zero_only

from geoloc.data.check.whole import scan_kept
from geoloc.data.domains import Domain
from geoloc.data.loaders import clamp_workers
from geoloc.data.progress import progress_bar
from geoloc.errors import InputError
from geoloc.tasks.job import Job

log = logging.getLogger(__name__)
NAMED = 100  # files that results.json names


def skip_unreadable(job: Job, domains: dict[str, list[Domain]]) -> dict[str, Any]:
    """Do what `unreadable` says to the train domain; those of val and test are never touched.

    Args:
        job: The run.
        domains: As read; the train domain is replaced.

    Returns:
        What results.json is to say of it; nothing under `unreadable=stop`, where the first such image stops the run.
    """
    if job.cfg["unreadable"] == "stop":
        return {}
    domains["train"][0], facts = drop_unreadable(domains["train"][0], job.cfg["num_workers"])
    return {"unreadable_train": facts}


def drop_unreadable(domain: Domain, workers: int | None) -> tuple[Domain, dict[str, Any]]:
    """Decode all images of a train domain, once and for all, and leave out those that cannot be read.

    Args:
        domain: The train domain.
        workers: Processes, as `num_workers` of the config.

    Returns:
        The domain without them, and their number on each side with the first names.

    Raises:
        InputError: One side has no image left.
    """
    with progress_bar("decoding train images", shown=getattr(rank_zero_only, "rank", 0) == 0) as advance:
        readable = scan_kept(domain.paths(), clamp_workers(workers), advance).readable
    kept = {"database": readable[: len(domain.database)], "queries": readable[len(domain.database) :]}
    gone = [str(path) for path, fine in zip(domain.paths(), readable.tolist(), strict=True) if not fine]
    facts = {side: int((~rows).sum()) for side, rows in kept.items()} | {"files": gone[:NAMED]}
    if not gone:
        return domain, facts
    for side, rows in kept.items():
        if not rows.any():
            raise InputError(
                f"{domain.name}: none of the {len(rows)} images in {getattr(domain, side).root} can be read"
            )
    log.warning(
        "%s: %d of %d database images and %d of %d queries cannot be read and are left out (%s%s)",
        domain.name,
        facts["database"],
        len(domain.database),
        facts["queries"],
        len(domain.queries),
        ", ".join(gone[:3]),
        ", ..." if len(gone) > 3 else "",
    )
    sides = {side: getattr(domain, side).select(np.flatnonzero(rows)) for side, rows in kept.items()}
    return replace(domain, **sides), facts
