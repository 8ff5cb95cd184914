"""Start values that come from train images: batch-norm statistics of a random network, and an aggregator's clusters."""

from __future__ import annotations

import logging

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import nn

from geoloc.data.domains import Domain
from geoloc.data.progress import progress_bar
from geoloc.lit.datamodule import PlaceDataModule
from geoloc.modes import eval_mode
from geoloc.net import DescriptorNet

log = logging.getLogger(__name__)
# The benchmark's numbers: 50,000 local features are clustered.
IMAGES, LOCATIONS = 500, 100
# Images that batch norm is measured on at once, whatever `infer_batch_size` is: it must not change the network.
BATCH = 16


class Initialise(Callback):
    """Prepare a network that starts fresh; never together with a checkpoint.

    Args:
        seed: Of the choice of images and places, and of the clustering.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Values are copied in place, so the optimizer made before keeps them; all processes get the first one's."""
        data: PlaceDataModule = trainer.datamodule  # type: ignore[attr-defined]
        assert data.train_domain is not None
        net: DescriptorNet = pl_module.net  # type: ignore[assignment]
        initialise(net, data, data.train_domain, pl_module.device, self.seed)
        for value in (*net.parameters(), *net.buffers()):
            value.data.copy_(trainer.strategy.broadcast(value.data))


def initialise(net: DescriptorNet, data: PlaceDataModule, domain: Domain, device: torch.device, seed: int) -> None:
    """Set batch-norm statistics that were never measured, then the clusters of an aggregator that has any.

    Args:
        net: Its aggregator gets clusters if it has `initialise(sample, seed)`.
        data: Serves the images.
        domain: Whose images are used, database and queries alike.
        device: Where the network is.
        seed: Of all choices.
    """
    rng = np.random.default_rng([seed, IMAGES])
    rows = rng.permutation(len(domain))[:IMAGES]
    measure_batch_norm(net, data, domain, rows, device)
    initialise_aggregator = getattr(net.aggregator, "initialise", None)
    if initialise_aggregator is None:
        return
    sample = []
    with progress_bar("start of the clusters", told=True) as advance, eval_mode(net), torch.no_grad():
        for images, _ in data.photos(domain, rows):
            local = net.features(images.to(device)).map.flatten(2).transpose(1, 2).float().cpu().numpy()  # (B, P, C)
            for places in local:
                sample.append(places[rng.choice(len(places), min(LOCATIONS, len(places)), replace=False)])
            advance(len(sample), len(rows))
    vectors = np.concatenate(sample)
    initialise_aggregator(torch.from_numpy(vectors), seed=seed)
    log.info(
        "clusters of %s initialised from %d local features of %d images of %s",
        type(net.aggregator).__name__,
        len(vectors),
        len(rows),
        domain.name,
    )


def measure_batch_norm(
    net: DescriptorNet, data: PlaceDataModule, domain: Domain, rows: np.ndarray, device: torch.device
) -> None:
    """Measure the statistics of batch-norm layers that have seen no image yet, as those of random weights.

    With the start values (mean 0, variance 1) such a network is another function in eval mode than in training; its
    clusters would be those of features that no training step ever sees.
    """
    fresh = [
        layer
        for layer in net.modules()
        # Not by the number of batches seen: published weights often lack it.
        if isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None and not layer.running_mean.any()
    ]
    if not fresh:
        return
    momenta = [layer.momentum for layer in fresh]
    used = seen = 0
    with progress_bar("batch-norm statistics", told=True) as advance, eval_mode(net), torch.no_grad():
        for layer in fresh:
            layer.train()
        for images, _ in data.photos(domain, rows, BATCH):
            if len(images) > 1:  # statistics of a single image are no statistics
                used += len(images)
                for layer in fresh:
                    layer.momentum = len(images) / used  # the mean over all images so far
                net.features(images.to(device))
            seen += len(images)
            advance(seen, len(rows))
    for layer, momentum in zip(fresh, momenta, strict=True):
        layer.momentum = momentum
    log.info("batch-norm statistics measured on %d images of %s", used, domain.name)
