"""The whole check of domains that have been read: scan, findings, numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geoloc.data.check.alike import Alike
from geoloc.data.check.cache import ScanCache, cache_file
from geoloc.data.check.of_copies import of_copies
from geoloc.data.check.of_files import of_files
from geoloc.data.check.of_places import of_places
from geoloc.data.check.of_splits import of_splits
from geoloc.data.check.photos import Photos
from geoloc.data.check.scan import scan
from geoloc.data.check.subject import Finding, Subject, merged
from geoloc.data.domains import Domain


@dataclass(frozen=True)
class Plan:
    """What the data are to be used for.

    Attributes:
        positive: Metres within which a database image is a training positive.
        negative: Metres beyond which it may be a training negative.
        evaluation: Metres within which a prediction is right, where a domain's protocol says nothing else.
        recall_values: N of the recalls.
        negatives: Of a training tuple.
        image_size: (height, width) in pixels that images are resized to.
        skip_unreadable: Training leaves out what cannot be read.
    """

    positive: float
    negative: float
    evaluation: float
    recall_values: Sequence[int]
    negatives: int
    image_size: Sequence[int]
    skip_unreadable: bool


def scan_kept(paths: Sequence[Path], workers: int, progress: Callable[[int, int], None] | None = None) -> Photos:
    """`scan` with the user's cache."""
    cache = ScanCache(cache_file())
    try:
        return scan(paths, workers, cache, progress)
    finally:
        cache.close()


def subjects_of(domains: dict[str, list[Domain]], photos: Photos, plan: Plan) -> list[Subject]:
    """The domains with their photos.

    Args:
        domains: Stage -> domains.
        photos: Of all their images, in the order of stages, domains, `Domain.paths`.
        plan: For the radius.
    """
    subjects: list[Subject] = []
    first = 0
    for stage, several in domains.items():
        for domain in several:
            radius = plan.positive if stage == "train" else domain.radius_m(plan.evaluation)
            own = photos.select(np.arange(first, first + len(domain)))
            subjects.append(Subject(stage, domain, own, first, radius))  # type: ignore[arg-type]
            first += len(domain)
    return subjects


def findings_of(subjects: Sequence[Subject], photos: Photos, plan: Plan) -> list[Finding]:
    """Everything worth saying, the worst first.

    Args:
        subjects: The domains.
        photos: All their photos together.
        plan: What they are to be used for.
    """
    alike = Alike(photos.looks, photos.told, photos.contents)
    found: list[Finding] = []
    for subject in subjects:
        found += of_files(subject, plan.image_size, plan.skip_unreadable)
        found += of_places(subject, plan.recall_values, plan.negative, plan.negatives)
        found += of_copies(subject, alike)
    return merged([*found, *of_splits(subjects, alike)])
