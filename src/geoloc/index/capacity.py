"""What a database takes on disk, in memory and in time, by the formulas of the indexes themselves."""

from __future__ import annotations

from dataclasses import dataclass

from geoloc.index.exact import Exact
from geoloc.index.faiss_hnsw import FaissHnsw
from geoloc.index.faiss_ivfpq import FaissIvfpq


@dataclass(frozen=True)
class Needs:
    """Of N images with descriptors of D values.

    Attributes:
        float32: Bytes of the descriptors on disk.
        float16: The same with `descriptor_dtype=float16`.
        exact: Bytes of memory that `index=exact` works in; it reads the descriptors from disk again for every 1024
            queries, unless the system still has them in memory.
        faiss_hnsw: Bytes of memory that the graph takes, with the descriptors in it.
        faiss_ivfpq: The same of codes and lists; the training sample of the building is among it.
    """

    float32: int
    float16: int
    exact: int
    faiss_hnsw: int
    faiss_ivfpq: int


def needs(images: int, dim: int) -> Needs:
    """What a database takes.

    Args:
        images: N.
        dim: D.

    Example:
        >>> needs(1_000_000, 512).float16, needs(1_000_000, 512).faiss_hnsw
        (1024000000, 2304000000)
    """
    return Needs(
        4 * images * dim,
        2 * images * dim,
        Exact().memory(images, dim),
        FaissHnsw().memory(images, dim),
        FaissIvfpq().memory(images, dim),
    )


def hours(images: int, rate: float) -> float:
    """Hours that N images take at so many a second.

    Example:
        >>> round(hours(30_000_000, 1000), 1)
        8.3
    """
    return images / rate / 3600
