"""Principal components of train descriptors, with or without whitening.

Jegou and Chum, Negative Evidences and Co-occurences in Image Retrieval: the Benefit of PCA and Whitening, ECCV 2012; as
the last step of NetVLAD, Arandjelovic et al., CVPR 2016.
"""

from __future__ import annotations

import torch
from torch import nn

from geoloc.errors import InputError


class PCA(nn.Module):
    """Projects to the directions in which descriptors of train images vary most.

    Args:
        in_dim: D, values of a descriptor before.
        dim: Values afterwards.
        whiten: Scale every direction to the same variance.
        images: Train database images that it is fitted on, at most.

    Attributes:
        out_dim: dim.
    """

    mean: torch.Tensor
    components: torch.Tensor

    def __init__(self, in_dim: int, dim: int = 512, whiten: bool = False, images: int = 10_000) -> None:
        super().__init__()
        if not 1 <= dim <= in_dim:
            raise InputError(f"whitening.dim: must be from 1 to {in_dim}, the descriptor's dimension, not {dim}")
        self.out_dim = dim
        self.whiten = whiten
        self.images = images
        self.register_buffer("mean", torch.zeros(in_dim))
        self.register_buffer("components", torch.zeros(dim, in_dim))

    @torch.no_grad()
    def fit(self, descriptors: torch.Tensor) -> float:
        """Find the components.

        Args:
            descriptors: (M, D) of train database images.

        Returns:
            Share of the variance that is kept.

        Raises:
            InputError: M images do not determine `dim` directions, or vary in fewer.
        """
        if len(descriptors) <= self.out_dim:
            raise InputError(
                f"whitening.dim={self.out_dim}: needs more than {self.out_dim} train database images to be fitted on,"
                f" not {len(descriptors)}; whitening.dim={max(1, len(descriptors) // 2)} would do"
            )
        x = descriptors.double()
        mean = x.mean(dim=0)
        x = x - mean
        # The smaller of the two symmetric products has the same non-zero eigenvalues.
        few = x.shape[0] < x.shape[1]
        values, vectors = torch.linalg.eigh(x @ x.T if few else x.T @ x)
        # The same photo in another batch differs in the sixth digit, and variances are squares: what is below is noise.
        rank = int((values > 1e-9 * values[-1]).sum())
        if rank < self.out_dim:
            raise InputError(
                f"whitening.dim={self.out_dim}: descriptors of the {len(x)} train database images vary in {rank}"
                f" directions only; {f'whitening.dim={rank} would do' if rank else 'they are all alike'}"
            )
        values, vectors = values.flip(0)[: self.out_dim], vectors.flip(1)[:, : self.out_dim]
        directions = (vectors.T @ x) / values.sqrt().unsqueeze(1) if few else vectors.T
        if self.whiten:
            directions = directions / (values / (len(x) - 1)).sqrt().unsqueeze(1)
        self.mean.copy_(mean)
        self.components.copy_(directions)
        return float(values.sum() / x.square().sum())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, D) -> (B, dim); the descriptor gets unit length afterwards."""
        return (x - self.mean) @ self.components.T
