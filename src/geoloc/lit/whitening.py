"""Fit a network's whitening on images of the train database, once its weights are final."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch

from geoloc.data.progress import progress_bar
from geoloc.errors import InputError
from geoloc.lit.datamodule import PlaceDataModule
from geoloc.net import DescriptorNet

log = logging.getLogger(__name__)


def check_whitening(net: DescriptorNet, node: Mapping[str, Any], data: PlaceDataModule) -> None:
    """Find out before hours are spent whether the whitening can be fitted.

    Raises:
        InputError: It has more values than the descriptor, or than train database images.
    """
    if net.whitening is not None:
        raise InputError("whitening: the checkpoint's network has its whitening already; leave whitening out")
    if node["dim"] > net.out_dim:
        raise InputError(f"whitening.dim={node['dim']}: the descriptor has {net.out_dim} values only")
    assert data.train_domain is not None
    images = min(len(data.train_domain.database), node["images"])
    if images <= node["dim"]:
        raise InputError(
            f"whitening.dim={node['dim']}: must be below the number of train database images that it is fitted on,"
            f" {images}; whitening.dim={max(1, images // 2)} would do"
        )


def fit_whitening(
    net: DescriptorNet, node: Mapping[str, Any], data: PlaceDataModule, trainer: pl.Trainer, seed: int
) -> None:
    """Append whitening to the network, fitted on random images of the train database; the same on all processes.

    Args:
        net: In its final state, without whitening.
        node: What the config says of the whitening.
        data: Holds the train domain.
        trainer: Has the devices.
        seed: Of the choice of images.
    """
    domain = data.train_domain
    assert domain is not None
    rows = np.sort(np.random.default_rng([seed, len(domain)]).permutation(len(domain.database))[: node["images"]])
    device = trainer.strategy.root_device
    net.to(device)
    described = []
    with progress_bar("whitening", shown=trainer.progress_bar_callback is not None) as advance:
        for images, _ in data.photos(domain, rows):
            described.append(net.describe(images.to(device)).cpu())
            advance(sum(map(len, described)), len(rows))
    whitening: Any = net.add_whitening(node)
    kept = whitening.fit(torch.cat(described))
    whitening.to(device)
    for value in whitening.buffers():
        value.copy_(trainer.strategy.broadcast(value))
    log.info(
        "whitening to %d values fitted on %d images of %s; %.1f %% of the variance is kept",
        net.out_dim,
        len(rows),
        domain.name,
        100 * kept,
    )
