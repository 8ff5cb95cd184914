"""NetVLAD: residuals to learned cluster centres, softly assigned and summed over the image.

Arandjelovic et al., NetVLAD: CNN architecture for weakly supervised place recognition, CVPR 2016. The variant without
biases, as in the CVPR 2022 benchmark.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from geoloc.errors import InputError
from geoloc.features import Features


class NetVLAD(nn.Module):
    """Soft-assigned vectors of locally aggregated descriptors.

    With x_p the unit-length local features, a_kp = softmax_k(w_k . x_p) and centres c_k, cluster k gets
    sum_p a_kp (x_p - c_k) = (sum_p a_kp x_p) - (sum_p a_kp) c_k. The right-hand form is one batched product: no loop
    over clusters and no tensor of residuals.

    Args:
        in_channels: C, channels of the map.
        clusters: K.

    Attributes:
        out_dim: K * C.
    """

    def __init__(self, in_channels: int, clusters: int = 64) -> None:
        super().__init__()
        self.out_dim = clusters * in_channels
        self.assignment = nn.Parameter(torch.randn(clusters, in_channels) / math.sqrt(in_channels))
        self.centroids = nn.Parameter(torch.rand(clusters, in_channels))

    def forward(self, features: Features) -> torch.Tensor:
        """Map (B, C, h, w) -> (B, K * C) of unit length, intra-normalised a cluster."""
        return self._pool(features, self.weights(features))

    def gated(self, features: Features, gates: torch.Tensor) -> torch.Tensor:
        """The same where what a position adds, its residuals to all centres, is multiplied by its gate.

        Args:
            features: Of the images.
            gates: (B, 1, h, w).
        """
        weights, own = gates.flatten(2).transpose(1, 2), self.weights(features)
        return self._pool(features, weights if own is None else weights * own)

    def _pool(self, features: Features, weights: torch.Tensor | None) -> torch.Tensor:
        x = features.map.flatten(2).transpose(1, 2)  # (B, P, C); no copy where channels come last, as in geoloc's runs
        # Dividing by the length of x_p is folded into two small (B, P, .) factors, so no normalised copy is made.
        half = x.dtype in (torch.float16, torch.bfloat16)
        length = torch.linalg.vector_norm(x, dim=2, keepdim=True, dtype=torch.float32 if half else None)
        shrink = 1 / length.clamp_min(1e-4 if half else 1e-12)  # (B, P, 1); 1e12 would overflow in half precision
        assignment = torch.softmax((x @ self.assignment.T) * shrink, dim=2)  # (B, P, K)
        if weights is not None:
            assignment = assignment * weights
        summed = (assignment * shrink).transpose(1, 2) @ x  # (B, K, C)
        residuals = torch.addcmul(summed, assignment.sum(dim=1).unsqueeze(2), self.centroids, value=-1)
        residuals = F.normalize(residuals, dim=2)
        return F.normalize(residuals.flatten(1), dim=1)

    def weights(self, features: Features) -> torch.Tensor | None:
        """How much every position counts, (B, P, 1); None where all count alike."""
        return None

    @torch.no_grad()
    def initialise(self, sample: torch.Tensor, seed: int = 0) -> None:
        """Set the centres by k-means, and the assignment so that the nearest centre gets about 100 times the second's.

        Values are copied in place: an optimizer that holds the parameters keeps holding them.

        Args:
            sample: (M, C) local features of train images, of any length.
            seed: Of the clustering.

        Raises:
            InputError: There are fewer local features than clusters.
        """
        import faiss  # here and not above: importing geoloc stays light, and torch is loaded first

        clusters, channels = self.centroids.shape
        if len(sample) < clusters:
            raise InputError(
                f"NetVLAD: {len(sample)} local features cannot be clustered into {clusters} clusters;"
                f" use more or larger train images, or aggregator.clusters={max(1, len(sample) // 4)}"
            )
        vectors = F.normalize(sample.float(), dim=1).cpu().numpy()
        kmeans = faiss.Kmeans(channels, clusters, niter=100, seed=seed, min_points_per_centroid=1)
        kmeans.train(vectors)
        centroids = np.asarray(kmeans.centroids)
        unit = centroids / np.linalg.norm(centroids, axis=1, keepdims=True)
        nearest = np.sort(vectors @ unit.T, axis=1)[:, -2:]
        gap = float(np.mean(nearest[:, 1] - nearest[:, 0])) if clusters > 1 else 1.0
        alpha = -math.log(0.01) / max(gap, 1e-6)
        self.centroids.copy_(torch.from_numpy(centroids))
        self.assignment.copy_(torch.from_numpy(alpha * unit))
