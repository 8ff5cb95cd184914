"""Descriptors of a domain in one memory-mapped file that all processes write their rows into.

A process that is killed leaves what it has written: rows go to the system's copy of the file at once, and a row's flag
is set after its values. They are not made to survive a power cut.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning.strategies import Strategy

from geoloc.errors import InputError
from geoloc.mapped import forget
from geoloc.textfiles import read_json, write_whole

# Bytes of descriptors that may be in memory while others are computed.
KEPT = 2**28


def allocate(path: Path, dtype: np.typing.DTypeLike, shape: tuple[int, ...], what: str = "descriptors") -> None:
    """Make a file of zeros that has all its space on the disk; where a mapped file has not, writing kills the process.

    Raises:
        InputError: There is no room.
    """
    try:
        np.lib.format.open_memmap(path, "w+", dtype, shape).flush()
        if hasattr(os, "posix_fallocate"):
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError as error:
        path.unlink(missing_ok=True)
        size = np.prod(shape) * np.dtype(dtype).itemsize / 1e6
        raise InputError(
            f"{path}: no room for {shape[0]} {what} of {size:.0f} MB together ({error.strerror}); free some, or"
            " choose another disk by paths.logs=PATH"
        ) from None


class DescriptorStore:
    """(N, D) array in a file, with one flag a row that says whether it is written.

    A row that two processes write (distributed samplers repeat samples to even out the shares) is written twice with
    the same values, so repeats do no harm; a row that nobody wrote stops the run. All processes must see the file.

    Args:
        path: Of the `.npy` file; the flags lie beside it.
        rows: N.
        dim: D.
        create: True in the process that makes the files, False in those that open them afterwards.
        dtype: "float32" or "float16".

    Raises:
        FileNotFoundError: `create` is False and the file cannot be seen from here.
        InputError: The disk is too small.
    """

    def __init__(self, path: Path, rows: int, dim: int, create: bool, dtype: str = "float32") -> None:
        self.path = path
        self.flags_path = path.with_suffix(".written.npy")
        self.stamp_path = path.with_suffix(".stamp.json")
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.stamp_path.unlink(missing_ok=True)
            allocate(path, dtype, (rows, dim))
            allocate(self.flags_path, np.bool_, (rows,))
        elif not path.is_file():
            raise FileNotFoundError(f"{path}: not visible from this process; all processes need one common file system")
        self.fresh = 0  # bytes written since their memory was last given back
        self.vectors = np.lib.format.open_memmap(path, "r+")
        self.written = np.lib.format.open_memmap(self.flags_path, "r+")

    @classmethod
    def shared(
        cls,
        strategy: Strategy,
        path: Path,
        rows: int,
        dim: int,
        dtype: str = "float32",
        stamp: Mapping[str, Any] | None = None,
    ) -> DescriptorStore:
        """A store, made by the first process and opened by the others.

        Args:
            strategy: Knows the processes.
            path: Of the `.npy` file.
            rows: N.
            dim: D.
            dtype: "float32" or "float16".
            stamp: Plain values that say what each row is the descriptor of. Where a killed run has left a store of the
                same stamp, it is gone on with. None: a fresh store.
        """
        store = None
        if strategy.is_global_zero:
            again = stamp is not None and cls.written_rows(path, stamp) is not None
            store = cls(path, rows, dim, create=not again, dtype=dtype)
            if stamp is not None:  # last of all: a store with a stamp is complete
                write_whole(store.stamp_path, json.dumps(stamp))
        strategy.barrier("geoloc store made")
        return store or cls(path, rows, dim, create=False)

    @staticmethod
    def written_rows(path: Path, stamp: Mapping[str, Any]) -> np.ndarray | None:
        """(N,) bool, which rows a killed run has written; None if it has left no whole store of this stamp."""
        if read_json(path.with_suffix(".stamp.json")) != json.loads(json.dumps(stamp)):
            return None
        try:
            vectors, flags = np.load(path, mmap_mode="r"), np.load(path.with_suffix(".written.npy"))
        except (OSError, ValueError, EOFError):  # gone, or cut off: "r+" would fill it up with zeros
            return None
        return flags if len(flags) == len(vectors) else None

    def write(self, rows: torch.Tensor, descriptors: torch.Tensor) -> None:
        """Write (B, D) descriptors into the rows given by (B,) int64."""
        index = rows.cpu().numpy()
        self.vectors[index] = descriptors.float().cpu().numpy()  # rounded where the store is float16
        self.written[index] = True
        self.fresh += index.size * self.vectors[0].nbytes
        if self.fresh > KEPT:
            forget(self.vectors)
            self.fresh = 0

    def check(self, rows: np.ndarray | None = None) -> None:
        """Make sure that the given rows (by default all) are written.

        Raises:
            RuntimeError: Tells how many images have no descriptor.
        """
        missing = int((~(self.written if rows is None else self.written[rows])).sum())
        if missing:
            raise RuntimeError(f"{self.path.name}: {missing} images have no descriptor; recall of a part means nothing")

    def finish(self) -> None:
        """Keep the descriptors and delete the rest."""
        self.stamp_path.unlink(missing_ok=True)
        self.flags_path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete the files."""
        for path in (self.stamp_path, self.path, self.flags_path):
            path.unlink(missing_ok=True)
        if not any(self.path.parent.iterdir()):
            self.path.parent.rmdir()


def tidy(folder: Path) -> None:
    """Delete the descriptors that a run has left and nothing can go on from: those without a stamp."""
    stores = [path.name.removesuffix("stamp.json") for path in folder.glob("*.stamp.json")]  # "city." of city.npy
    for path in folder.glob("*"):
        if not path.name.startswith(tuple(stores)):
            path.unlink()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
