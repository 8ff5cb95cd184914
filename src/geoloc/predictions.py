"""The values between extraction, search and scoring: `Descriptors`, `Predictions`, `Scores`.

Each is frozen and refuses bad content when it is built.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Descriptors:
    """Descriptors of a domain: its database first, then its queries.

    Args:
        vectors: (N + Q, D) float32 or float16, may be memory-mapped.
        database: N, the number of database images.

    Raises:
        ValueError: A value is not finite, or N does not leave at least one row for each side.
    """

    vectors: np.ndarray
    database_size: int

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or self.vectors.dtype not in (np.float32, np.float16):
            raise ValueError(f"descriptors must be (N, D) float, not {self.vectors.shape} {self.vectors.dtype}")
        if not 0 < self.database_size < len(self.vectors):
            raise ValueError(f"{self.database_size} database rows of {len(self.vectors)} leave one side empty")
        for start in range(0, len(self.vectors), 4096):
            if not np.isfinite(self.vectors[start : start + 4096]).all():
                raise ValueError("a descriptor holds NaN or infinity; the network has diverged or an input is broken")

    @property
    def database(self) -> np.ndarray:
        """(N, D) descriptors of the database."""
        return self.vectors[: self.database_size]

    @property
    def queries(self) -> np.ndarray:
        """(Q, D) descriptors of the queries."""
        return self.vectors[self.database_size :]


@dataclass(frozen=True)
class Predictions:
    """Ranked database images of each query.

    Args:
        ids: (Q, k) int64 database rows, best first; no row twice for a query.
        distances: (Q, k) float32 L2 distances of the descriptors, in the order of `ids`.
        database_size: N; every id is below it.

    Raises:
        ValueError: Shapes differ, an id is out of range or repeated, a distance is not finite.
    """

    ids: np.ndarray
    distances: np.ndarray
    database_size: int

    def __post_init__(self) -> None:
        if self.ids.ndim != 2 or self.ids.shape != self.distances.shape:
            raise ValueError(f"ids {self.ids.shape} and distances {self.distances.shape} must both be (Q, k)")
        if self.ids.size and (self.ids.min() < 0 or self.ids.max() >= self.database_size):
            raise ValueError(f"predicted rows must lie in 0..{self.database_size - 1}")
        ordered = np.sort(self.ids, axis=1)
        if (ordered[:, 1:] == ordered[:, :-1]).any():
            raise ValueError("a database image is predicted twice for the same query")
        if not np.isfinite(self.distances).all():
            raise ValueError("a distance is not finite")

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Scores:
    """Recalls of one domain, always together with the counts that they rest on.

    Attributes:
        recalls: Recall in percent over all queries, for each N.
        recalls_answerable: The same over the queries that have a positive; None for each N if no query has one.
        ci95: 95 % Wilson score interval of `recalls`, in percent, for each N.
        queries: Number of queries.
        answerable: Number of queries with at least one positive.
        database: Number of database images.
        radius_m: A prediction within this many metres is correct.
    """

    recalls: dict[int, float]
    recalls_answerable: dict[int, float | None]
    ci95: dict[int, tuple[float, float]]
    queries: int
    answerable: int
    database: int
    radius_m: float
