"""A collection of Milvus: how `index=milvus` fills, finds, searches and drops it. The only file that knows pymilvus."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from geoloc.errors import InputError

log = logging.getLogger(__name__)

ROW, VECTOR = "row", "descriptor"  # fields: the database row, and its values
AT_ONCE = 16_000_000  # bytes of descriptors in one message; servers refuse those of 64 MB
ROWS = 4096  # and rows
PATIENCE = 10  # seconds that a server has to answer the first call


def is_file(uri: str) -> bool:
    """Whether milvus-lite searches it in this process."""
    return uri.endswith(".db") and "://" not in uri


def connect(uri: str, only_check: bool = False) -> Any:
    """A client of the server or file.

    Args:
        uri: See `Milvus`.
        only_check: Make sure that what it takes is installed, and open nothing.

    Raises:
        InputError: A package is missing, or nothing answers.
    """
    try:
        import pymilvus

        if is_file(uri):
            import milvus_lite  # noqa: F401
    except ImportError as error:
        missing = "milvus-lite" if error.name == "milvus_lite" else "pymilvus"
        raise InputError(f"index=milvus: needs {missing}; pip install 'geoloc[milvus]', or index=faiss_ivfpq") from None
    if only_check:
        return None
    if is_file(uri):
        Path(uri).parent.mkdir(parents=True, exist_ok=True)
        logging.getLogger("grpc._server").setLevel(logging.CRITICAL)  # tells of each call that milvus-lite has not
    # milvus-lite hangs up on a client that asks whether it is still there, as pymilvus does in calls of many seconds.
    options = {"grpc_options": {"grpc.keepalive_time_ms": 2**31 - 1}} if is_file(uri) else {}
    logger = logging.getLogger("milvus_lite")
    logger.setLevel(logging.CRITICAL)  # it logs a traceback of what is told in a line below
    try:
        return pymilvus.MilvusClient(uri, token=os.environ.get("MILVUS_TOKEN", ""), timeout=PATIENCE, **options)
    except pymilvus.MilvusException as error:
        if is_file(uri):
            raise InputError(f"index=milvus: {uri} cannot be opened; another run may have it open") from None
        raise InputError(
            f"index=milvus: {uri} cannot be reached ({_line(error)}); start a Milvus server there, or name a file, such"
            " as index.uri=logs/milvus.db"
        ) from None
    finally:
        logger.setLevel(logging.WARNING)  # and each start and stop


@contextmanager
def told(uri: str) -> Iterator[None]:
    """Turn what Milvus raises into one line."""
    import pymilvus

    try:
        yield
    except pymilvus.MilvusException as error:
        raise InputError(f"index=milvus: {uri}: {_line(error)}") from None


class Collection:
    """A collection, whether it is there or not.

    Args:
        uri: See `Milvus`.
        name: Of the collection.
        searching: Candidates wanted -> parameters of the search.

    Attributes:
        passing: `fill` has made it, and nobody has asked to keep it.
    """

    def __init__(self, uri: str, name: str, searching: Callable[[int], dict[str, Any]]) -> None:
        self.name = name
        self.searching = searching
        self.client = connect(uri)
        self.passing = False

    def is_complete(self, size: int) -> bool:
        """Whether it is there with all of N rows; its index is built last."""
        if not self.client.has_collection(self.name) or not self.client.list_indexes(self.name):
            return False
        return int(self.client.get_collection_stats(self.name)["row_count"]) == size

    def fill(
        self,
        database: np.ndarray,
        kind: str,
        parameters: dict[str, Any],
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Put (N, D) float descriptors in and build their index, unless all of that is there.

        Args:
            database: The descriptors.
            kind: Of the index.
            parameters: Of its building.
            progress: Told (rows that are in, N) after each message.
        """
        if not self.is_complete(len(database)):
            if self.client.has_collection(self.name):  # left by a killed run
                self.client.drop_collection(self.name)
            self._create(database.shape[1])
            self._insert(database, progress)
            self._index(kind, parameters)
            self.passing = True
            log.info("%d descriptors are in the Milvus collection %s", len(database), self.name)
        self.open()

    def _create(self, dim: int) -> None:
        from pymilvus import DataType

        schema = self.client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field(ROW, DataType.INT64, is_primary=True)
        schema.add_field(VECTOR, DataType.FLOAT_VECTOR, dim=dim)
        self.client.create_collection(self.name, schema=schema, consistency_level="Strong")

    def _insert(self, database: np.ndarray, progress: Callable[[int, int], None] | None) -> None:
        step = at_once(database.shape[1])
        for start in range(0, len(database), step):
            block = np.asarray(database[start : start + step], np.float32)
            self.client.insert(self.name, [{ROW: start + i, VECTOR: row} for i, row in enumerate(block)])
            if progress is not None:
                progress(start + len(block), len(database))
        self.client.flush(self.name)
        self.client.release_collection(self.name)  # what milvus-lite has open it would index later, and search as it is

    def _index(self, kind: str, parameters: dict[str, Any]) -> None:
        wanted = self.client.prepare_index_params()
        wanted.add_index(
            VECTOR, index_type=kind, metric_type="L2", params={"params": parameters}
        )  # else lite ignores them
        self.client.create_index(self.name, wanted)  # waits until it is built

    def open(self) -> None:
        """Let Milvus read it into memory, so that it can be searched."""
        self.client.load_collection(self.name)

    def release(self) -> None:
        """Drop it if it is passing, and leave the server."""
        if self.passing:
            self.client.drop_collection(self.name)
        self.client.close()

    def search(self, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The nearest rows that Milvus finds, in order.

        Args:
            queries: (Q, D) float32.
            count: Rows wanted of each query.

        Returns:
            (Q, count) float32 squared distances, and (Q, count) int64 rows; infinity and -1 where there is none.
        """
        squared = np.full((len(queries), count), np.inf, np.float32)
        rows = np.full((len(queries), count), -1, np.int64)
        step, parameters = at_once(queries.shape[1]), {"metric_type": "L2", "params": self.searching(count)}
        for start in range(0, len(queries), step):
            asked = list(queries[start : start + step])
            found = self.client.search(self.name, asked, limit=count, search_params=parameters, anns_field=VECTOR)
            for i, hits in enumerate(found, start):
                rows[i, : len(hits)] = [hit[ROW] for hit in hits]
                squared[i, : len(hits)] = [hit["distance"] for hit in hits]
        return squared, rows


def at_once(dim: int) -> int:
    """Descriptors of D values in one message.

    Example:
        >>> at_once(512), at_once(32_768)
        (4096, 122)
    """
    return max(1, min(ROWS, AT_ONCE // (4 * dim)))


def _line(error: Exception) -> str:
    """What a Milvus error says, in one line."""
    return (str(getattr(error, "message", "")) or str(error)).strip().splitlines()[0].rstrip(".")
