"""Descriptors of a domain in one memory-mapped file that all processes write their rows into."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from pytorch_lightning.strategies import Strategy

from geoloc.errors import InputError


def _allocate(path: Path, dtype: type, shape: tuple[int, ...]) -> None:
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
            f"{path}: no room for {shape[0]} descriptors of {size:.0f} MB together ({error.strerror}); free some, or"
            " choose another disk by paths.logs=PATH"
        ) from None


class DescriptorStore:
    """(N, D) float32 array in a file, with one flag a row that says whether it is written.

    A row that two processes write (distributed samplers repeat samples to even out the shares) is written twice with
    the same values, so repeats do no harm; a row that nobody wrote stops the run. All processes must see the file.

    Args:
        path: Of the `.npy` file; the flags lie beside it.
        rows: N.
        dim: D.
        create: True in the process that makes the files, False in those that open them afterwards.

    Raises:
        FileNotFoundError: `create` is False and the file cannot be seen from here.
        InputError: The disk is too small.
    """

    def __init__(self, path: Path, rows: int, dim: int, create: bool) -> None:
        self.path = path
        self.flags_path = path.with_suffix(".written.npy")
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
            _allocate(path, np.float32, (rows, dim))
            _allocate(self.flags_path, np.bool_, (rows,))
        elif not path.is_file():
            raise FileNotFoundError(f"{path}: not visible from this process; all processes need one common file system")
        self.vectors = np.lib.format.open_memmap(path, "r+")
        self.written = np.lib.format.open_memmap(self.flags_path, "r+")

    @classmethod
    def shared(cls, strategy: Strategy, path: Path, rows: int, dim: int) -> DescriptorStore:
        """A fresh store, made by the first process and opened by the others."""
        store = cls(path, rows, dim, create=True) if strategy.is_global_zero else None
        strategy.barrier("geoloc store made")
        return store or cls(path, rows, dim, create=False)

    def write(self, rows: torch.Tensor, descriptors: torch.Tensor) -> None:
        """Write (B, D) descriptors into the rows given by (B,) int64."""
        index = rows.cpu().numpy()
        self.vectors[index] = descriptors.float().cpu().numpy()
        self.written[index] = True

    def check(self, rows: np.ndarray | None = None) -> None:
        """Make sure that the given rows (by default all) are written.

        Raises:
            RuntimeError: Tells how many images have no descriptor.
        """
        missing = int((~(self.written if rows is None else self.written[rows])).sum())
        if missing:
            raise RuntimeError(f"{self.path.name}: {missing} images have no descriptor; recall of a part means nothing")

    def finish(self) -> None:
        """Keep the descriptors and delete the flags."""
        self.flags_path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete the files."""
        for path in (self.path, self.flags_path):
            path.unlink(missing_ok=True)
        if not any(self.path.parent.iterdir()):
            self.path.parent.rmdir()
