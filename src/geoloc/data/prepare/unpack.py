"""Archives (zip, tar) into a folder, and never beside it. What is there already stays."""

from __future__ import annotations

import errno
import lzma
import re
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from geoloc.errors import InputError

NO_FAULT_OF_THE_ARCHIVE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}
Member = tuple[str, int, Callable[[], IO[bytes]]]  # name, size in bytes, open


def unpack(archive: Path, folder: Path, progress: Callable[[int, int], None] = lambda done, total: None) -> int:
    """Unpack the files of an archive; one that was unpacked before is passed over.

    Args:
        archive: A zip file, or a tar file of any compression.
        folder: Where its files go.
        progress: Told (done, total) after each file; total is 0 where the archive does not say it.

    Returns:
        Number of files.

    Raises:
        InputError: The archive is damaged, or holds a link or a file that would lie outside the folder; or the folder
            cannot be written to.
    """
    done = 0
    try:
        with _opened(archive) as (members, total):
            for name, size, read in members:
                target = folder / _inside(name, archive)
                if not (target.is_file() and target.stat().st_size == size):
                    _write(read, target)
                done += 1
                progress(done, total)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, RuntimeError, OSError) as error:
        if isinstance(error, OSError) and error.errno in NO_FAULT_OF_THE_ARCHIVE:
            raise InputError(
                f"{archive}: cannot be unpacked into {folder} ({error.strerror}); mend that and run the same command"
                " again: it goes on where it stopped"
            ) from None
        reason = (str(error) or "it ends too early").splitlines()[0].rstrip(":")
        raise InputError(f"{archive}: cannot be unpacked ({reason}); remove it and get it anew") from None
    return done


@contextmanager
def _opened(archive: Path) -> Iterator[tuple[Iterator[Member], int]]:
    """Files of an archive, and how many if it says so."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            infos = [info for info in file.infolist() if not info.is_dir()]
            yield ((info.filename, info.file_size, _opener(file, info)) for info in infos), len(infos)
    else:
        with tarfile.open(archive) as tar:
            yield _tar_members(tar, archive), 0


def _opener(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    return lambda: file.open(info)


def _tar_members(tar: tarfile.TarFile, archive: Path) -> Iterator[Member]:
    for info in tar:
        if info.isdir():
            continue
        if not info.isfile():
            raise InputError(
                f"{archive}: {info.name} is a link or a device, which no set of photos holds; do not use it"
            )
        yield info.name, info.size, _tar_opener(tar, info)


def _tar_opener(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Callable[[], IO[bytes]]:
    def opened() -> IO[bytes]:
        file = tar.extractfile(info)
        if file is None:
            raise tarfile.ReadError(f"{info.name} has no content")
        return file

    return opened


def _inside(name: str, archive: Path) -> PurePosixPath:
    """A member's path if it lies inside the folder."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", name):
        raise InputError(f"{archive}: {name} would be written outside the folder; do not use this archive")
    return path


def _write(read: Callable[[], IO[bytes]], target: Path) -> None:
    """Write a file whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    try:
        with read() as source, part.open("wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
