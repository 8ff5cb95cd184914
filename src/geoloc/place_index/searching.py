"""Looking into an index: search, and what is known of each photo."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from geoloc.data.pixels import Photo
from geoloc.describing import describe_photos
from geoloc.errors import InputError
from geoloc.index.exact import Exact
from geoloc.index.index import Index as Engine
from geoloc.net import DescriptorNet
from geoloc.place_index.agreement import as_descriptors, check_network
from geoloc.place_index.contents import Contents
from geoloc.place_index.frame import Frame
from geoloc.place_index.hits import Hits
from geoloc.stacked import Stacked


class Searchable:
    """What can be asked of an index.

    Args:
        contents: What it holds.
    """

    def __init__(self, contents: Contents) -> None:
        self.contents = contents

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
        if not len(self):
            raise InputError(f"{self.contents.where}: the index is empty")
        vectors = as_descriptors(queries)
        if net is not None:
            check_network(self.contents, net)
        if vectors is None:
            if net is None:
                raise InputError("search: photos need a network: search(photos, k, net); descriptors are (Q, D) floats")
            vectors = describe_photos(net, queries, what="describing the queries")  # type: ignore[arg-type]
        if vectors.shape[1] != self.dim:
            raise InputError(
                f"{self.contents.where}: queries of dimension {vectors.shape[1]}, and the index has {self.dim}"
            )
        contents = self.contents
        found = (engine or Exact()).search(contents.database, vectors, k)  # type: ignore[arg-type]
        return Hits(found, vectors, contents)

    def __len__(self) -> int:
        return len(self.contents)

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
