"""How far descriptors of an exported network are from those of the network itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch

from geoloc.net import DescriptorNet

# (B, 3, H, W) uint8 images -> (B, D) float32 descriptors.
Run: TypeAlias = Callable[[torch.Tensor], torch.Tensor]
# What an exported network must keep to. Rounding alone moves a value by some 1e-7; a place is told by the third digit.
LEAST_COSINE, MOST_APART = 0.999999, 1e-4


@dataclass(frozen=True)
class Parity:
    """How a file compares with the network.

    Attributes:
        images: How many both have described.
        difference: Largest of any value, as a part of the descriptor's length (which is 1 but for unit_length=false).
        cosine: Of the pair of descriptors that agrees least.
        top1: Domain -> share of queries whose nearest database photo is the same one; empty where there is no domain.
    """

    images: int
    difference: float
    cosine: float
    top1: dict[str, float] = field(default_factory=dict)

    @property
    def fits(self) -> bool:
        """Whether it is within the tolerance; never with NaN. Nearest photos may change where two are equally near."""
        return self.cosine >= LEAST_COSINE and self.difference <= MOST_APART

    def facts(self) -> dict[str, Any]:
        """Plain values for results.json."""
        return {
            "images": self.images,
            "max_difference": self.difference,
            "lowest_cosine": self.cosine,
            "top1_agreement": self.top1,
            "within_tolerance": self.fits,
        }


def parity(own: torch.Tensor, other: torch.Tensor) -> Parity:
    """Compare descriptors of the same images.

    Args:
        own: (N, D) of the network itself.
        other: (N, D) of the exported one.

    Example:
        >>> found = parity(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]))
        >>> found.difference, found.cosine, found.fits
        (1.0, 0.0, False)
    """
    a, b = own.double(), other.double()
    length = a.norm(dim=1, keepdim=True).clamp_min(1e-12)
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=1).min()
    return Parity(len(own), float(((a - b).abs() / length).max()), float(cosine))


def same_nearest(own: tuple[torch.Tensor, torch.Tensor], other: tuple[torch.Tensor, torch.Tensor]) -> float:
    """Share of queries whose nearest database photo is the same by both.

    Args:
        own: (N, D) of the database and (Q, D) of the queries, by the network itself.
        other: The same by the exported one.
    """
    first, second = (
        torch.cdist(queries.double(), database.double(), compute_mode="donot_use_mm_for_euclid_dist").argmin(dim=1)
        for database, queries in (own, other)
    )
    return float((first == second).double().mean())


def described(run: Run, images: torch.Tensor, batch: int = 8) -> torch.Tensor:
    """(N, 3, H, W) uint8 images -> (N, D) descriptors, a batch at a time."""
    return torch.cat([run(part).detach().cpu() for part in images.split(batch)])


def check_sizes(run: Run, net: DescriptorNet, sizes: list[tuple[int, int]]) -> None:
    """Make sure that a run agrees with the network at each of these sizes, alone and in a batch.

    Raises:
        ValueError: It does not; says where. Whatever the run raises passes.
    """
    for number, (height, width) in enumerate(sizes):
        images = noise(1 + 2 * (number % 2), height, width, seed=number)
        found = run(images)
        if not parity(net.describe(images), found).fits:
            raise ValueError(f"other descriptors than the network's at {height}x{width} pixels")


def noise(count: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    """(count, 3, height, width) uint8 images of coarse random patterns under fine noise, the same ones each time."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randint(30, 226, (count, 3, 6, 8), generator=generator, dtype=torch.uint8).float()
    image = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    fine = torch.randint(-30, 31, (count, 3, height, width), generator=generator)
    return (image + fine).clamp(0, 255).to(torch.uint8)
