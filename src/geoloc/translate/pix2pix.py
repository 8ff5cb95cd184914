"""Training of a pix2pix generator on pairs of pictures of one view.

Isola et al., CVPR 2017, sections 3.1 and 6.2: cross-entropy for both players, L1 with weight 100 for the generator, the
discriminator's loss halved, Adam with learning rate 0.0002 and moments 0.5 and 0.999; crops and mirroring.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from geoloc.translate.patch import PatchDiscriminator
from geoloc.translate.unet import UNet, initialise

L1_WEIGHT = 100.0


def draw_crops(
    pairs: torch.Tensor, size: tuple[int, int], batch: int, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cut the same random window out of both pictures of random pairs; half of the pairs are mirrored.

    Args:
        pairs: (P, 2, 3, H, W) uint8, day and night.
        size: (height, width) of a window.
        batch: B, number of windows.
        rng: Source of the draws.

    Returns:
        Day and night, each (B, 3, *size) float32 in -1..1.
    """
    height, width = size
    windows = []
    for row in rng.integers(len(pairs), size=batch):
        top = int(rng.integers(pairs.shape[-2] - height + 1))
        left = int(rng.integers(pairs.shape[-1] - width + 1))
        window = pairs[row, :, :, top : top + height, left : left + width]
        windows.append(window.flip(-1) if rng.random() < 0.5 else window)
    day, night = (torch.stack(windows).float() / 127.5 - 1).unbind(1)
    return day, night


class Pix2Pix:
    """A generator and a discriminator at play.

    Args:
        generator: Of any size.
        width: Of the discriminator.
        seed: Fixes the initial weights and, with the number of the step, every draw of the training.
        device: Of both networks.
    """

    def __init__(self, generator: UNet, width: int, seed: int, device: str = "cpu") -> None:
        self.generator, self.discriminator = generator, PatchDiscriminator(width)
        source = torch.Generator().manual_seed(seed)
        for net in (self.generator, self.discriminator):
            initialise(net, source)
            net.to(device)
        self.seed, self.device, self.done = seed, device, 0
        self.optimizers = [
            torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999))
            for net in (self.generator, self.discriminator)
        ]

    def step(self, pairs: torch.Tensor, size: tuple[int, int], batch: int) -> dict[str, float]:
        """One step of each player on crops of some pairs; see `draw_crops`.

        Returns:
            `l1` (mean absolute error, in units of half the range), `fools` and `tells` (cross-entropy of generator and
            discriminator).
        """
        rng = np.random.default_rng([self.seed, self.done])
        torch.manual_seed(int(rng.integers(2**62)))  # of dropout
        day, night = (images.to(self.device) for images in draw_crops(pairs, size, batch, rng))
        self.generator.train()
        self.discriminator.train()
        fake = self.generator(day)

        self.discriminator.requires_grad_(True)
        real_loss = _cross_entropy(self.discriminator(day, night), real=True)
        tells = 0.5 * (real_loss + _cross_entropy(self.discriminator(day, fake.detach()), real=False))
        self._update(1, tells)

        self.discriminator.requires_grad_(False)
        fools = _cross_entropy(self.discriminator(day, fake), real=True)
        l1 = F.l1_loss(fake, night)
        self._update(0, fools + L1_WEIGHT * l1)
        self.done += 1
        return {"l1": l1.item(), "fools": fools.item(), "tells": tells.item()}

    def _update(self, player: int, loss: torch.Tensor) -> None:
        self.optimizers[player].zero_grad()
        loss.backward()
        self.optimizers[player].step()

    def state(self) -> dict[str, Any]:
        """All that is needed to go on."""
        return {
            "done": self.done,
            "networks": [net.state_dict() for net in self._networks()],
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned; the steps after it are those of a training that never stopped."""
        for net, saved in zip(self._networks(), state["networks"], strict=True):
            net.load_state_dict(saved)
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.done = state["done"]

    def _networks(self) -> tuple[nn.Module, nn.Module]:
        return self.generator, self.discriminator


def _cross_entropy(logits: torch.Tensor, real: bool) -> torch.Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))
