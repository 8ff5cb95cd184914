"""The index of a database: read from the file in which it was kept, or built."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from geoloc.errors import InputError
from geoloc.index.index import Fitted, Index

log = logging.getLogger(__name__)


def fitted(index: Index, database: np.ndarray, path: Path | None, model: str, write: bool = True) -> Fitted:
    """The index of a database: read from its file if that is of this database, else built.

    Args:
        index: Settings.
        database: (N, D) float descriptors.
        path: File that an approximate index is read from, or written to; None: it is not kept.
        model: Hash of the network that made the descriptors.
        write: Whether this process is the one that writes the file.
    """
    if path is None or not index.approximate:
        return index.fit(database)
    if path.is_file():
        try:
            return index.load(path, model, database)
        except InputError as error:
            log.info("%s; it is built anew", error)
    built = index.fit(database)
    if write:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            built.save(path, model)
        except OSError as error:  # as in the folder of somebody else's run
            log.warning("%s: the index cannot be kept (%s)", path, error.strerror)
    return built


def release(built: object) -> None:
    """Tell an index that nobody searches it any more: one in an engine has something to clear away.

    Args:
        built: A fitted index, or those of groups.
    """
    getattr(built, "release", lambda: None)()
