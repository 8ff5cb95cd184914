"""Nearest neighbours in Milvus, an engine for databases that one machine cannot search, or that several programs share.

Wang et al., Milvus: A purpose-built vector data management system, SIGMOD 2021.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from geoloc.errors import InputError
from geoloc.index import files
from geoloc.index.measured import Measured
from geoloc.index.milvus_collection import Collection, connect, is_file, told
from geoloc.index.ranking import SPARE
from geoloc.predictions import Predictions

Kind = Literal["HNSW", "IVF_FLAT", "IVF_SQ8", "IVF_PQ", "DISKANN", "FLAT"]
Parameters = dict[str, Any]

LITE: tuple[Kind, ...] = ("HNSW", "IVF_FLAT", "IVF_SQ8", "FLAT")  # what milvus-lite builds; it would ignore the others
LONGEST = 32_768  # values of a descriptor that Milvus takes
MOST = 16_384  # candidates of a query that Milvus gives


class Milvus:
    """Search by a Milvus server, or by milvus-lite in this process; candidates are measured on the descriptors.

    The database becomes a collection, whose name is a hash of all its descriptors and of the settings it was built
    with: those of another network never meet it, and one that is there already is used. It is dropped when it is
    released, unless it was saved: then its file holds the name, and `load` finds it again.

    A server that wants a password gets it from the environment variable MILVUS_TOKEN (user:password), since settings
    are written into results.json.

    Args:
        uri: Of the server, such as http://host:19530, or a path that ends in `.db`.
        kind: Of the index that Milvus builds.
        build: Parameters of the building, as Milvus calls them. None: those that suit the database.
        search: The same of the search.
        rerank: Candidates that are measured again; never fewer than k and a few.

    Attributes:
        progress: Told (rows that are in, N) while the collection is filled; None: nobody asks.
    """

    name: ClassVar[str] = "milvus"
    approximate: ClassVar[bool] = True
    one_process: ClassVar[bool] = True  # several would fill the same collection

    def __init__(
        self,
        uri: str,
        kind: Kind = "HNSW",
        build: Parameters | None = None,
        search: Parameters | None = None,
        rerank: int = 200,
    ) -> None:
        if not is_file(uri) and "://" not in uri:
            raise InputError(f"uri: {uri} is neither a server, such as http://host:19530, nor a path that ends in .db")
        if "@" in uri and not is_file(uri):
            raise InputError(
                "uri: holds a password, which results.json would tell; give it by MILVUS_TOKEN=user:password"
            )
        if is_file(uri) and kind not in LITE:
            raise InputError(f"kind: milvus-lite, which searches {uri}, has no {kind}; it has {', '.join(LITE)}")
        if rerank < 1:
            raise ValueError(f"rerank must be at least 1, not {rerank}")
        self.uri = uri
        self.kind = kind
        self.build_parameters = build
        self.search_parameters = search
        self.rerank = rerank
        self.progress: Callable[[int, int], None] | None = None

    def settings(self, size: int, dim: int) -> dict[str, int | str | None]:
        """What the collection of N descriptors of D values depends on."""
        return {"kind": self.kind, **self.building(size, dim)}

    def building(self, size: int, dim: int) -> Parameters:
        """Parameters of the building for N descriptors of D values."""
        if self.build_parameters is not None:
            return dict(self.build_parameters)
        lists = {"nlist": max(1, min(round(4 * math.sqrt(size)), size // 39))}
        parts = {"m": max(number for number in range(1, 65) if dim % number == 0), "nbits": 8}
        graph = {"M": 32, "efConstruction": 200}
        suiting = {"HNSW": graph, "IVF_FLAT": lists, "IVF_SQ8": lists, "IVF_PQ": lists | parts}
        return suiting.get(self.kind, {})

    def searching(self, count: int) -> Parameters:
        """Parameters of the search for so many candidates; Milvus refuses to hold fewer of them than it is to give."""
        held = {"HNSW": ("ef", 128), "DISKANN": ("search_list", 128)}.get(self.kind)
        least: Parameters = {"nprobe": 16} if self.kind.startswith("IVF") else {}
        found = least if self.search_parameters is None else dict(self.search_parameters)
        if held is not None:
            key, default = held
            found[key] = max(found.get(key, default), count)
        return found

    def depth(self, k: int) -> int:
        """Candidates of a query that are measured."""
        return min(max(self.rerank, k + SPARE), MOST)

    def memory(self, size: int, dim: int) -> int:
        """Bytes that this process needs: milvus-lite holds all descriptors and the graph here, a server does not."""
        if not is_file(self.uri):
            return 0
        return size * (4 * dim + 8 * self.building(size, dim).get("M", 0))

    def check_installed(self) -> None:
        """Refuse to start, with an InputError, without pymilvus or where the server cannot be reached."""
        if is_file(self.uri):
            connect(self.uri, only_check=True)
        else:
            connect(self.uri).close()

    def fit(self, database: np.ndarray) -> FittedMilvus:
        """Put (N, D) float descriptors into a collection, unless that is there; see `Index.fit`."""
        if not len(database):
            return FittedMilvus(self, database, None)
        size, dim = database.shape
        if dim > LONGEST:
            raise InputError(
                f"index=milvus: takes at most {LONGEST:,} values a descriptor, and these have {dim:,}; whitening=pca"
                " makes them shorter"
            )
        built = Collection(self.uri, _name(database, self.settings(size, dim)), self.searching)
        with told(self.uri):
            built.fill(database, self.kind, self.building(size, dim), self.progress)
        return FittedMilvus(self, database, built)

    def load(self, path: Path, model: str, database: np.ndarray) -> FittedMilvus:
        """See `Index.load`; the collection must still be where `uri` says."""
        content = files.read(path, files.stamp(self.name, self.settings(*database.shape), model, database))
        if not len(content):
            return self.fit(database)
        built = Collection(self.uri, content.tobytes().decode(), self.searching)
        with told(self.uri):
            if not built.is_complete(len(database)):
                raise InputError(f"{path}: its collection {built.name} is not in {self.uri}; build the index anew")
            built.open()
        return FittedMilvus(self, database, built)

    def search(self, database: np.ndarray, queries: np.ndarray, k: int) -> Predictions:
        """See `Index.search`."""
        fitted = self.fit(database)
        found = fitted.search(queries, k)
        fitted.release()
        return found


class FittedMilvus(Measured):
    """See `Measured`; the engine is a collection."""

    index: Milvus

    def search(self, queries: np.ndarray, k: int) -> Predictions:
        """See `Fitted.search`."""
        with told(self.index.uri):
            return super().search(queries, k)

    def save(self, path: Path, model: str) -> None:
        """Write the name of the collection, which stays from now on; see `Fitted.save`."""
        name = b"" if self.built is None else self.built.name.encode()
        settings = self.index.settings(*self.database.shape)
        mark = files.stamp(self.index.name, settings, model, self.database)
        files.write(path, mark, np.frombuffer(name, np.uint8))
        if self.built is not None:
            self.built.passing = False

    def release(self) -> None:
        """Leave Milvus, and nothing there that was not saved; it cannot be searched afterwards."""
        if self.built is not None:
            with told(self.index.uri):
                self.built.release()


def _name(database: np.ndarray, settings: dict[str, int | str | None]) -> str:
    """Name of the collection of (N, D) float descriptors, by all their values."""
    digest = hashlib.blake2b(repr((database.shape, sorted(settings.items()))).encode(), digest_size=12)
    for start in range(0, len(database), 1024):
        digest.update(np.ascontiguousarray(database[start : start + 1024], "<f4").tobytes())
    return f"geoloc_{digest.hexdigest()}"
