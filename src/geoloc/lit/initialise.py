"""Start values of an aggregator's clusters, from train images and before the first mining."""

from __future__ import annotations

import logging

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from geoloc.data.domains import Domain
from geoloc.lit.datamodule import PlaceDataModule
from geoloc.modes import eval_mode
from geoloc.net import DescriptorNet

log = logging.getLogger(__name__)
# The benchmark's numbers: 50,000 local features are clustered.
IMAGES, LOCATIONS = 500, 100


class InitialiseClusters(Callback):
    """Cluster local features of train images for aggregators that ask for it (they have `initialise`).

    Only for a fresh start: never together with a checkpoint.

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
        initialise_clusters(net, data, data.train_domain, pl_module.device, self.seed)
        for parameter in net.aggregator.parameters():
            parameter.data.copy_(trainer.strategy.broadcast(parameter.data))


def initialise_clusters(
    net: DescriptorNet, data: PlaceDataModule, domain: Domain, device: torch.device, seed: int
) -> None:
    """Cluster local features of a domain's images, database and queries alike; nothing to do for most aggregators.

    Args:
        net: Its aggregator is initialised if it has `initialise(sample, seed)`.
        data: Serves the images.
        domain: Whose images are used.
        device: Where the network is.
        seed: Of all choices.
    """
    initialise = getattr(net.aggregator, "initialise", None)
    if initialise is None:
        return
    rng = np.random.default_rng([seed, IMAGES])
    rows = np.sort(rng.choice(len(domain), min(IMAGES, len(domain)), replace=False))
    sample = []
    with eval_mode(net), torch.no_grad():
        for images, _ in data.photos(domain, rows):
            local = net.features(images.to(device)).map.flatten(2).transpose(1, 2).float().cpu().numpy()  # (B, P, C)
            for places in local:
                sample.append(places[rng.choice(len(places), min(LOCATIONS, len(places)), replace=False)])
    vectors = np.concatenate(sample)
    initialise(torch.from_numpy(vectors), seed=seed)
    log.info(
        "clusters of %s initialised from %d local features of %d images of %s",
        type(net.aggregator).__name__,
        len(vectors),
        len(rows),
        domain.name,
    )
