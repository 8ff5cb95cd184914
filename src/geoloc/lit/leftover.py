"""What a killed test has left: what its descriptors are of, and which photos are still to be described."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl

from geoloc.data.domains import Domain
from geoloc.extraction.describer import TRIED
from geoloc.extraction.precision import fastest
from geoloc.lit.store import DescriptorStore

log = logging.getLogger(__name__)


def stamp_of(domain: Domain, first: str, model: str, trainer: pl.Trainer, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values that say what the rows of a domain's store are descriptors of, and what decided on their precision.

    Args:
        domain: Whose photos they are of.
        first: Fingerprint of the domain that is described first, by whose photos the describer chooses.
        model: Hash of the network.
        trainer: Has the devices.
        asked: How they were to be described.
    """
    device = trainer.strategy.root_device
    batch = trainer.datamodule.infer_batch_size  # type: ignore[attr-defined]
    return {
        "model": model,
        "domain": domain.fingerprint(),
        "written": domain.written(),
        "device": device.type,
        "fastest": fastest(device),
        "processes": trainer.world_size,
        "tried": min(TRIED, batch),
        "tried_of": first,
        **asked,
    }


def left_of(domain: Domain, path: Path, stamp: Mapping[str, Any], crops: int, processes: int) -> np.ndarray:
    """(n,) int64 photos of a domain, database first, that are still to be described.

    The first ones of each process always are: by them the describer chooses its precision, so it chooses again as it
    did before it was killed.

    Args:
        domain: Whose photos they are.
        path: Of the store.
        stamp: Of the store that may be gone on with.
        crops: Of each query.
        processes: That describe.
    """
    size, photos = len(domain.database), np.arange(len(domain))
    written = DescriptorStore.written_rows(path, stamp)
    if written is None:
        return photos
    done = np.concatenate([written[:size], written[size:].reshape(-1, crops).all(axis=1)])
    log.info("%s: %d of %d photos are described already", domain.name, done.sum(), len(done))
    done[: TRIED * processes] = False
    return photos[~done]
