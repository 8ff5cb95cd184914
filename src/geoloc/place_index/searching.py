"""Looking into an index: search, and what is known of each photo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from geoloc.data.pixels import Photo
from geoloc.describing import describe_photos
from geoloc.errors import InputError
from geoloc.index import fitting
from geoloc.index.exact import Exact
from geoloc.index.index import Fitted
from geoloc.index.index import Index as Engine
from geoloc.net import DescriptorNet
from geoloc.place_index.agreement import as_descriptors, check_network
from geoloc.place_index.contents import Contents
from geoloc.place_index.frame import Frame
from geoloc.place_index.hits import Hits
from geoloc.place_index.storage import is_saved
from geoloc.stacked import Stacked


class Searchable:
    """What can be asked of an index.

    Args:
        contents: What it holds.
    """

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self._built: tuple[Any, Fitted] | None = None

    def search(
        self,
        queries: np.ndarray | torch.Tensor | Photo | Sequence[Photo],
        k: int = 20,
        net: DescriptorNet | None = None,
        *,
        engine: Engine | None = None,
    ) -> Hits:
        """The nearest photos of each query.

        Args:
            queries: (Q, D) float descriptors; or photos (see `describe_photos`), for which `net` is needed.
            k: Photos wanted; never more than the index holds.
            net: The network that the index was built with.
            engine: How it is searched, such as `geoloc.index.faiss_hnsw.FaissHnsw()`; None: exactly.

        Raises:
            InputError: The index is empty, the network is another one, or descriptors are of another dimension.
        """
        contents, vectors = self.contents, as_descriptors(queries)
        if not len(contents):
            raise InputError(f"{contents.where}: the index is empty")
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise InputError(f"k={k!r}: must be a whole number, at least 1")
        if net is not None:
            check_network(contents, net)
        if vectors is None:
            if net is None:
                raise InputError("search: photos need a network: search(photos, k, net); descriptors are (Q, D) floats")
            vectors = describe_photos(net, queries, what="describing the queries")
        if vectors.shape[1] != contents.dim:
            raise InputError(f"{contents.where}: is of dimension {contents.dim}, and the queries of {vectors.shape[1]}")
        finite = np.isfinite(vectors).all(axis=1)
        if not finite.all():
            raise InputError(f"search: the descriptor of query {int(finite.argmin())} is not finite (NaN or infinity)")
        return Hits(self._fitted(contents, engine or Exact()).search(vectors, k), vectors, contents)

    def fitted(self, engine: Engine) -> Fitted:
        """An engine over the descriptors. What it took time to build is used again, and kept beside a saved index.

        Args:
            engine: Settings, such as `geoloc.index.faiss_hnsw.FaissHnsw()`.
        """
        return self._fitted(self.contents, engine)

    def _fitted(self, contents: Contents, engine: Engine) -> Fitted:
        key = (contents, type(engine), dict(vars(engine)))
        if self._built is None or self._built[0] != key:
            path = contents.where / f"{engine.name}.fit" if is_saved(contents) else None
            self._built = key, fitting.fitted(engine, contents.database, path, contents.digest)  # type: ignore[arg-type]
        return self._built[1]

    def __len__(self) -> int:
        return len(self.contents)

    def __repr__(self) -> str:
        held = self.contents
        return f"<Index of {len(held):,} photos, {held.dim} values each in {held.dtype}, of model {held.model[:8]}>"

    @property
    def model(self) -> str:
        """Hash of the network."""
        return self.contents.model

    @property
    def dim(self) -> int:
        """D."""
        return self.contents.dim

    @property
    def ids(self) -> np.ndarray:
        """(N,) object, the id of each photo."""
        return self.contents.records.ids

    @property
    def paths(self) -> np.ndarray:
        """(N,) object, the absolute path of each."""
        return self.contents.records.paths

    @property
    def times(self) -> np.ndarray:
        """(N,) object, when each was taken, in ISO 8601; empty where unknown."""
        return self.contents.records.times

    @property
    def zones(self) -> np.ndarray:
        """(N,) object, the UTM zone of each, see `PlaceSet`."""
        return self.contents.records.zones

    @property
    def database(self) -> Stacked:
        """(N, D) descriptors, mapped where they are on the disk; takes slices and arrays of rows."""
        return self.contents.database

    @property
    def xy(self) -> np.ndarray:
        """(N, A) float64 positions in metres in one frame; see `frame`."""
        return self.contents.placed[0]

    @property
    def frame(self) -> Frame:
        """The frame of `xy`; converts places in it to degrees and UTM."""
        return self.contents.placed[1]

    @property
    def coordinates(self) -> str:
        """Of the frame: "utm", "local", or "earth" where photos lie in several UTM zones."""
        return self.frame.coordinates

    @property
    def latlon(self) -> np.ndarray:
        """(N, 2) float64 degrees; NaN where unknown."""
        return self.contents.latlon
