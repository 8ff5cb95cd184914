"""`python -m geoloc.env`: versions of what geoloc stands on, and whether they work together on this machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "geoloc",
    "torch",
    "torchvision",
    "pytorch-lightning",
    "hydra-core",
    "omegaconf",
    "faiss-cpu",
    "timm",
    "numpy",
)
PAIR = "torch and torchvision must be of one release and one index (as 2.14 with 0.29), both for CPU or both for CUDA"


def torchvision_loads() -> str:
    """The compiled part of torchvision belongs to this torch."""
    import torchvision.ops

    torchvision.ops.nms(*_boxes(), 0.5)
    return "torchvision's compiled part fits torch"


def _boxes() -> tuple:
    import torch

    return torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([1.0])


def faiss_clusters() -> str:
    """Clustering by faiss works beside torch, with this numpy."""
    import_module("torch")  # first: both bring an OpenMP runtime of their own, and torch's has to lead
    import faiss
    import numpy as np

    faiss.Kmeans(2, 2, niter=1, min_points_per_centroid=1).train(np.eye(2, dtype=np.float32))
    return "faiss clusters"


def device() -> str:
    """What a run would use."""
    import torch

    return f"device: {torch.cuda.get_device_name() if torch.cuda.is_available() else 'cpu'}"


CHECKS: dict[str, tuple[Callable[[], str], str]] = {
    "torchvision": (torchvision_loads, PAIR),
    "faiss": (faiss_clusters, "reinstall faiss-cpu; faiss-cpu and faiss-gpu cannot stand beside each other"),
    "device": (device, "torch cannot tell what devices there are"),
}


def main() -> int:
    """Print everything; returns the number of checks that failed."""
    for name in PACKAGES:
        try:
            sys.stdout.write(f"{name} {version(name)}\n")
        except PackageNotFoundError:
            sys.stdout.write(f"{name}: not installed\n")
    failed = 0
    for name, (check, remedy) in CHECKS.items():
        try:
            sys.stdout.write(f"{check()}\n")
        except Exception as error:  # whatever goes wrong is what is asked for
            failed += 1
            sys.stdout.write(f"{name}: {type(error).__name__}: {str(error).splitlines()[0]}; {remedy}\n")
    return failed


if __name__ == "__main__":
    sys.exit(main())
