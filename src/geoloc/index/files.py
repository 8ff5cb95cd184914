"""Files of fitted indexes: a stamp that says what the index was built of, and the index as bytes. No pickle."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from geoloc.errors import InputError

SAMPLED = 256  # database rows that the fingerprint is made of


@dataclass(frozen=True)
class Stamp:
    """What a fitted index depends on.

    Attributes:
        index: Name of the index.
        settings: Those that the building depends on.
        model: Hash of the network that made the descriptors.
        size: N, the number of database descriptors.
        dim: D.
        fingerprint: Of the database descriptors.
    """

    index: str
    settings: dict[str, int | str | None]
    model: str
    size: int
    dim: int
    fingerprint: str


def stamp(index: str, settings: Mapping[str, int | str | None], model: str, database: np.ndarray) -> Stamp:
    """The stamp of an index of (N, D) float descriptors."""
    return Stamp(index, dict(settings), model, len(database), database.shape[1], fingerprint(database))


def fingerprint(database: np.ndarray) -> str:
    """SHA-256 of rows spread evenly over (N, D) float descriptors, the first and the last among them.

    Cheap, so a change in the rows between goes unseen.
    """
    rows = np.unique(np.linspace(0, len(database) - 1, min(SAMPLED, len(database))).round().astype(np.int64))
    return hashlib.sha256(np.ascontiguousarray(database[rows], "<f4").tobytes()).hexdigest()


def write(path: Path, mark: Stamp, content: np.ndarray) -> None:
    """Write a file that is either the old one or the whole new one.

    Args:
        path: The file.
        mark: What the index was built of.
        content: (n,) uint8, the index.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            np.savez(file, stamp=np.array(json.dumps(asdict(mark))), content=content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read(path: Path, wanted: Stamp) -> np.ndarray:
    """The (n,) uint8 content of a file that bears the wanted stamp.

    Raises:
        InputError: There is no such file, it is no index, or it bears another stamp.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            found = Stamp(**json.loads(str(file["stamp"])))
            _check(path, found, wanted)
            return file["content"]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; build the index first") from None
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile):
        raise InputError(f"{path}: is no index of geoloc, or is damaged; delete it to build the index anew") from None


def _check(path: Path, found: Stamp, wanted: Stamp) -> None:
    """Refuse the first thing in which the stamps differ."""
    differences = (
        ("by index", found.index, wanted.index),
        ("from model", found.model, wanted.model),
        ("with", _words(found.settings), _words(wanted.settings)),
        ("of descriptors of dimension", found.dim, wanted.dim),
        ("of this many descriptors:", found.size, wanted.size),
        ("of descriptors with fingerprint", found.fingerprint[:12], wanted.fingerprint[:12]),
    )
    for what, old, new in differences:
        if old != new:
            raise InputError(
                f"{path}: was built {what} {old}, not {new}"
                + ("" if what == "from model" else f" (model {found.model})")
                + "; delete it to build the index anew, or name another file"
            )


def _words(settings: Mapping[str, int | str | None]) -> str:
    return ", ".join(f"{key}={value}" for key, value in settings.items()) or "no settings"
