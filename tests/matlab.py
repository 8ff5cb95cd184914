"""MATLAB files as NetVLAD's authors give them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.io import savemat


def cells(texts: Sequence[str]) -> np.ndarray:
    """A cell array, N x 1, of strings."""
    array = np.empty((len(texts), 1), object)
    array[:, 0] = texts
    return array


def save_dbstruct(
    path: Path, database: dict[str, tuple[float, float]], queries: dict[str, tuple[float, float]], **other: object
) -> Path:
    """The struct `dbStruct` of one set or split; photo -> easting and northing in metres."""
    struct = {
        "whichSet": "test",
        "dbImageFns": cells(list(database)),
        "utmDb": np.array(list(database.values())).T,
        "qImageFns": cells(list(queries)),
        "utmQ": np.array(list(queries.values())).T,
        "numImages": float(len(database)),
        "numQueries": float(len(queries)),
        "posDistThr": 25.0,
        "posDistSqThr": 625.0,
        "nonTrivPosDistSqThr": 100.0,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"dbStruct": struct | other})
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder, so that two moments can be compared."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
