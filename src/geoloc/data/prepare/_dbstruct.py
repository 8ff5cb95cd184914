"""The MATLAB struct `dbStruct`, in which the authors of NetVLAD give the photos, positions and splits of a set.

Its fields that matter here: `dbImageFns` and `qImageFns`, cell arrays of paths, and `utmDb` and `utmQ`, 2 x N metres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from geoloc.errors import InputError

FOLDERS = ("", "datasets", "netvlad_v100_datasets")
FIELDS = ("dbImageFns", "utmDb", "qImageFns", "utmQ")


@dataclass(frozen=True)
class DbStruct:
    """What one file says.

    Attributes:
        path: The file.
        database: N paths.
        database_xy: (N, 2) float64, UTM easting and northing in metres.
        queries: Q paths.
        queries_xy: (Q, 2) float64, likewise.
    """

    path: Path
    database: list[str]
    database_xy: np.ndarray
    queries: list[str]
    queries_xy: np.ndarray


def find_structs(raw: Path, names: Sequence[str], how: str) -> list[Path]:
    """The files `NAME.mat`, in the raw folder itself or in one of the folders that archives make.

    Args:
        raw: Folder of the raw set.
        names: Of the files, without extension.
        how: Where to get them, for the message.

    Raises:
        InputError: Some are missing.
    """
    found = {name: [raw / folder / f"{name}.mat" for folder in FOLDERS] for name in names}
    there = {name: next((path for path in paths if path.is_file()), None) for name, paths in found.items()}
    missing = [f"{name}.mat" for name, path in there.items() if path is None]
    if missing:
        places = ", ".join(str(raw / folder) for folder in FOLDERS)
        raise InputError(f"{', '.join(missing)}: in none of {places}. {how}")
    return [path for path in there.values() if path]


def read_struct(path: Path) -> DbStruct:
    """Read one file.

    Raises:
        InputError: It is no MATLAB file (up to version 7), or holds something else.
    """
    try:
        struct = loadmat(path, variable_names=["dbStruct"]).get("dbStruct")
    except Exception as error:  # damaged files raise many things, and each must name its file
        raise InputError(f"{path}: cannot be read as a MATLAB file ({error}); download it again") from None
    lacking = [field for field in FIELDS if struct is None or field not in (struct.dtype.names or ())]
    if struct is None or lacking or struct.size != 1:
        raise InputError(f"{path}: no struct dbStruct with {', '.join(lacking or FIELDS)}; is it NetVLAD's file?")
    images, utm_database, queries, utm_queries = (struct[field].item() for field in FIELDS)
    return DbStruct(
        path,
        *_side(path, "dbImageFns", images, "utmDb", utm_database),
        *_side(path, "qImageFns", queries, "utmQ", utm_queries),
    )


def _side(
    path: Path, names_field: str, cells: np.ndarray, xy_field: str, xy: np.ndarray
) -> tuple[list[str], np.ndarray]:
    """Paths and (N, 2) positions of one side."""
    names = [str(cell.item()) for cell in cells.ravel() if isinstance(cell, np.ndarray) and cell.size == 1]
    if len(names) != cells.size or not names:
        raise InputError(f"{path}: {names_field} is no list of paths; is it NetVLAD's file?")
    if xy.shape != (2, len(names)) or xy.dtype.kind not in "fiu":
        raise InputError(f"{path}: {xy_field} must be 2 x {len(names)} numbers, not {xy.shape}; is it NetVLAD's file?")
    positions = xy.T.astype(np.float64)
    if not np.isfinite(positions).all():
        raise InputError(f"{path}: {xy_field} holds a position that is not a finite number")
    return names, positions


def first_root(raw: Path, folders: Sequence[str], name: str) -> Path:
    """The first of several folders below `raw` that holds the photo `name`; the first of all if none does."""
    roots = [raw / folder for folder in folders]
    return next((root for root in roots if (root / name).is_file()), roots[0])
