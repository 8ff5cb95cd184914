"""task=check: read all domains, say what is wrong with them, and draw what the augmentation makes of train queries."""

from __future__ import annotations

import logging

import numpy as np
import torch
from PIL import Image

from geoloc.data.augment.tuples import Augment
from geoloc.data.domains import Domain
from geoloc.data.images import read_image
from geoloc.report.figures import contact_sheet
from geoloc.tasks.job import Job
from geoloc.tasks.reading import read_domains
from geoloc.tasks.results import write_status

log = logging.getLogger(__name__)
QUERIES, DRAWS = 8, 5
ROLES = ("query", "positive", "negative")


def do(job: Job) -> None:
    """Run the task; the counts are in the log, the pictures in augmentation.jpg."""
    domains = read_domains(job, ("train", "val", "test"))
    augment = job.make(job.cfg["aug"])
    if augment is None:
        log.info("aug=none: train queries stay as they are; such as aug=night shows what it makes of them")
    else:
        train = domains["train"][0]
        augment.check([str(train.queries.path(row)) for row in range(len(train.queries))])
        path = job.folder / "augmentation.jpg"
        sheet(train, augment, (job.cfg["image_size"][0], job.cfg["image_size"][1]), job.seed).save(path, quality=90)
        log.info("the photo, then %d draws of the augmentation: %s", DRAWS, path)
    write_status(job, "finished")


def sheet(domain: Domain, augment: Augment, size: tuple[int, int], seed: int) -> Image.Image:
    """A row for each of some train queries: the photo, and what it becomes in a few epochs.

    Args:
        domain: The train domain.
        augment: The augmentation.
        size: (height, width) of images in training.
        seed: The run's.
    """
    # A tuple of the same photo three times; the first of query, positive and negative that is augmented is shown.
    role = next((number for number, role in enumerate(ROLES) if role in augment.images), 0)
    shown = role if role == 0 else role + augment.views - 1
    rows: list[list[Image.Image | torch.Tensor]] = []
    for query in np.linspace(0, len(domain.queries) - 1, min(QUERIES, len(domain.queries))).astype(int).tolist():
        path = str(domain.queries.path(query))
        draws = [augment([path] * 3, size, (seed, epoch, query))[shown] for epoch in range(DRAWS)]
        rows.append([read_image(path), *draws])
    return contact_sheet(rows)
