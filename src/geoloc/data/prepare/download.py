"""Files from the web, continued where an earlier call stopped, and unpacked.

`downloads.json` in the folder says which are finished: their archives may be removed then.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geoloc.data.prepare.unpack import unpack
from geoloc.data.progress import progress_bar
from geoloc.errors import InputError
from geoloc.textfiles import read_json, write_whole

RECORD = "downloads.json"
BLOCK = 1 << 20  # bytes read at a time
MEGABYTE = 1_000_000
PATIENCE = 60  # seconds without a byte
AGAIN = "run the same command again: it continues where it stopped"


class NetworkError(Exception):
    """A download failed. The message, one line, says from where, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Download:
    """One file of a raw set that can be had without a form.

    Attributes:
        url: Where it is.
        file: Its name in the folder of the raw set.
        sha256: Of the file, if its publisher gives it.
        unpack: Whether it is an archive (zip, tar) to be unpacked.
        may_be_empty: Whether its publisher has it without content.
        into: Folder below that of the raw set that it is unpacked into.
        inside: Archives in it that are to be unpacked as well.
    """

    url: str
    file: str
    sha256: str | None = None
    unpack: bool = True
    may_be_empty: bool = False
    into: str = ""
    inside: tuple[str, ...] = ()


def fetch(
    downloads: Sequence[Download], folder: Path, how: str, tell: Callable[[str], None] = lambda line: None
) -> None:
    """Get all files of a raw set. What is there already stays; a file that is there in part is continued.

    Args:
        downloads: The files.
        folder: Where they go; made if needed.
        how: How to get the set by hand, for the messages.
        tell: Told a line about each file.

    Raises:
        NetworkError: A file could not be had, or is not what its publisher says.
        InputError: An archive is damaged, or holds files that would lie outside the folder; the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror})") from None
    for number, download in enumerate(downloads, 1):
        what = f"{download.file} ({number} of {len(downloads)})"
        if download.file in read_json(folder / RECORD):
            tell(f"{what}: there already")
            continue
        if not (folder / download.file).is_file():
            tell(f"{what}: from {download.url}")
            _transfer(download, folder, how)
        if download.unpack:
            _unpack(download, folder, tell)
        finished = {**read_json(folder / RECORD), download.file: {"url": download.url}}
        write_whole(folder / RECORD, json.dumps(finished, indent=1) + "\n")


def _unpack(download: Download, folder: Path, tell: Callable[[str], None]) -> None:
    target = folder / download.into
    for archive in (folder / download.file, *(target / name for name in download.inside)):
        if archive.is_file() and archive.stat().st_size == 0:
            tell(f"{archive.name}: is empty")
            continue
        if not archive.is_file():
            raise InputError(f"{folder / download.file}: has no {archive.name} in it; it may be another version now")
        with progress_bar(f"unpacking {archive.name}", unit="files") as advance:
            tell(f"{archive.name}: {unpack(archive, target, advance):,} files unpacked")


def _transfer(download: Download, folder: Path, how: str) -> None:
    """Get one file into its `.part`, check it, and give it its name."""
    part = folder / f"{download.file}.part"
    origin = folder / f"{download.file}.part.json"  # what the part is a part of
    known = read_json(origin)
    total = known.get("total")
    size = part.stat().st_size if total and part.is_file() else 0
    if not size or size != total:
        answer, start = _answer(download, how, size, known)
        with answer:
            length = answer.headers["Content-Length"] or ""
            total = start + int(length) if length.isdecimal() else None
            if start == 0:
                version = answer.headers["ETag"] or answer.headers["Last-Modified"]
                part.unlink(missing_ok=True)
                write_whole(origin, json.dumps({"total": total, "version": version}) + "\n")
            size = _save(download, answer, part, start, total)
        if total is not None and size != total:
            raise NetworkError(f"{download.url}: stopped after {size:,} of {total:,} bytes; {AGAIN}")
    wrong = _wrong(download, part)
    if not wrong:
        part.replace(folder / download.file)
    part.unlink(missing_ok=True)
    origin.unlink(missing_ok=True)
    if wrong:
        raise NetworkError(f"{download.url}: {wrong}; it was removed, run the same command again")


def _answer(download: Download, how: str, size: int, known: dict[str, Any]) -> tuple[Any, int]:
    """The server's answer, and the byte that it begins with: `size`, or 0 if the file has to be begun anew."""
    if size:
        headers = {"Range": f"bytes={size}-"}
        version = known.get("version")
        if version and not version.startswith("W/"):
            headers["If-Range"] = version
        answer = _open(download, how, headers)
        total = known["total"]
        if answer.status == 206 and answer.headers["Content-Range"] == f"bytes {size}-{total - 1}/{total}":
            return answer, size
        if answer.status == 200:
            return answer, 0
        answer.close()
    return _open(download, how, {}), 0


def _open(download: Download, how: str, headers: dict[str, str]) -> Any:
    """The server's answer to a request; one that there is no such range is an answer as well."""
    request = urllib.request.Request(download.url, headers={"User-Agent": "geoloc", **headers})
    try:
        answer = urllib.request.urlopen(request, timeout=PATIENCE)
    except urllib.error.HTTPError as error:
        if error.code == 416 and headers:
            return error
        way = AGAIN if error.code in (408, 429) or error.code >= 500 else how
        raise NetworkError(f"{download.url}: {error.code} {' '.join(str(error.reason).split())}; {way}") from None
    except (OSError, http.client.HTTPException) as error:
        reason = " ".join(str(getattr(error, "reason", error)).split())
        raise NetworkError(f"{download.url}: cannot be reached ({reason}); {AGAIN}") from None
    if answer.headers.get_content_type() == "text/html":
        raise NetworkError(f"{download.url}: sent a web page and not {download.file}. {how}")
    return answer


def _save(download: Download, answer: Any, part: Path, start: int, total: int | None) -> int:
    """Write what the server sends behind the first `start` bytes; gives the size of the file now."""
    size = start
    what = f"{download.file} from {start / MEGABYTE:,.0f} MB on" if start else download.file
    try:
        with part.open("ab" if start else "wb") as file, progress_bar(what, unit="MB") as advance:
            while block := _read(download, answer, size):
                file.write(block)
                size += len(block)
                advance((size - start) // MEGABYTE, ((total or size) - start) // MEGABYTE)
    except OSError as error:
        raise InputError(f"{part}: cannot be written ({error.strerror})") from None
    return size


def _read(download: Download, answer: Any, size: int) -> bytes:
    try:
        return bytes(answer.read(BLOCK))
    except (OSError, http.client.HTTPException) as error:
        raise NetworkError(f"{download.url}: stopped after {size:,} bytes ({error}); {AGAIN}") from None


def _wrong(download: Download, path: Path) -> str:
    """What is wrong with a file that has arrived; empty if nothing is, or nothing is known of it."""
    if not (download.may_be_empty or path.stat().st_size):
        return f"{download.file} came without content"
    if download.sha256 is None:
        return ""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    return "" if found == download.sha256 else f"{download.file} has the SHA-256 {found}, not {download.sha256}"
