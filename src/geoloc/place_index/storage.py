"""An index in a folder: files that are written once, and one small manifest that says which of them count.

A file is complete and on the disk before the manifest names it, and the manifest is replaced in one step. So whoever
reads has the old index or the new one, whatever happens to the writer; and a reader keeps what it has opened, also when
its files are deleted (on Windows they are only deleted by a later writer, once nobody has them open).
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from geoloc.errors import InputError
from geoloc.mapped import forget
from geoloc.place_index.contents import Contents
from geoloc.place_index.records import of_plain
from geoloc.place_index.segment import Segment, are_rows

FORMAT = 1
MANIFEST = "index.json"
LOCK = ".lock"
OWN = re.compile(r"(segment|kept)-[0-9a-f]{32}\.(npy|json)|\.index\.json\.part|\w+\.fit")
PATIENCE = 60.0  # seconds for which another writer is waited for
AT_ONCE = 2**26  # bytes of descriptors that are written at once
TRIES = 10  # of a reader that meets a writer which deletes files


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only one that writes an index. What goes wrong on the disk is said in one line.

    Raises:
        InputError: Another process writes it all the time, or the disk is full or read-only.
    """
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / LOCK, timeout=PATIENCE):
            yield
    except Timeout:
        raise InputError(
            f"{folder}: another process has been writing this index for {PATIENCE:.0f} s; save again when it is done"
        ) from None
    except OSError as error:
        raise InputError(
            f"{folder}: the index cannot be written ({error.strerror or error}); what was there is as it was"
        ) from None


def manifest_of(folder: Path) -> dict[str, Any]:
    """The manifest of an index.

    Raises:
        InputError: There is no index, it is damaged, or of a later version.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{folder}: is no index, it has no {MANIFEST}; geoloc.Index.build makes one") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise InputError(f"{path}: is damaged ({error}); delete the folder and build the index anew") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT or "revision" not in content:
        raise InputError(f"{path}: is no index of format {FORMAT}, which this version reads")
    return content


def read(folder: Path) -> tuple[Contents, str]:
    """An index as it is now, and its revision.

    Raises:
        InputError: See `manifest_of`; or a file is missing or damaged.
    """
    for _ in range(TRIES):
        content = manifest_of(folder)
        try:
            return _opened(folder, content), content["revision"]
        except FileNotFoundError as error:
            missing = error
            if manifest_of(folder)["revision"] == content["revision"]:
                break
    raise InputError(
        f"{missing.filename}: is missing, and {folder / MANIFEST} names it; delete the folder and build the index anew"
    )


def _opened(folder: Path, content: dict[str, Any]) -> Contents:
    try:
        segments = tuple(_segment(folder, content["dtype"], content["dim"], entry) for entry in content["segments"])
        if content["coordinates"] not in ("utm", "local") or "multiscale" not in content["shown"]:
            raise KeyError("coordinates or shown")
        values = {key: content[key] for key in ("model", "dim", "dtype", "coordinates", "shown")}
    except (KeyError, TypeError) as error:
        reason = f"is damaged ({error}); delete the folder and build the index anew"
        raise InputError(f"{folder / MANIFEST}: {reason}") from None
    return Contents(**values, segments=segments, where=folder)


def _segment(folder: Path, dtype: str, dim: int, entry: dict[str, Any]) -> Segment:
    name, facts = entry["name"], {key: entry["facts"][key] for key in ("precision", "lowest_cosine")}
    try:
        vectors = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        records = of_plain(json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))
        kept = np.load(folder / f"{entry['kept']}.npy", allow_pickle=False) if entry["kept"] else None
    except (ValueError, EOFError) as error:
        raise InputError(f"{folder / name}: is damaged ({error}); delete the folder and build the index anew") from None
    fits = vectors.shape == (entry["rows"], dim) and vectors.dtype == dtype and len(records) == entry["rows"]
    if not (fits and OWN.fullmatch(f"{name}.npy") and (kept is None or are_rows(kept, entry["rows"]))):
        raise InputError(
            f"{folder / name}: is not what {MANIFEST} says of it; delete the folder and build the index anew"
        )
    return Segment(vectors, records, facts, kept, name, entry["kept"])


def check_folder(folder: Path) -> None:
    """Refuse a folder of something else: an index deletes files in its own.

    Raises:
        InputError: It holds other files and no index.
    """
    if folder.is_dir() and not (folder / MANIFEST).exists():
        others = [path.name for path in folder.iterdir() if not (OWN.fullmatch(path.name) or path.name.startswith("."))]
        if others:
            raise InputError(
                f"{folder}: holds other files ({', '.join(sorted(others)[:3])}) and no index; name a new folder"
            )
    elif folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; name a folder for the index")


def is_saved(contents: Contents) -> bool:
    """Whether all of some contents is in files."""
    return all(len(each) and each.name and (each.kept is None or each.kept_name) for each in contents.segments)


def write(folder: Path, contents: Contents) -> tuple[Contents, str]:
    """Make the index in a folder these contents. What is on the disk already is not written again.

    To be called under `locked`. Whatever is raised, the index is then as it was.

    Returns:
        The same contents, all of them on the disk and mapped; and the revision, a name that no other save has.
    """
    revision = uuid.uuid4().hex
    try:
        segments = [_on_disk(folder, segment, contents.dtype) for segment in contents.segments if len(segment)]
        content = {
            "format": FORMAT,
            "revision": revision,
            **{key: getattr(contents, key) for key in ("model", "dim", "dtype", "coordinates")},
            "shown": dict(contents.shown),
            "images": len(contents),
            "segments": [
                {"name": each.name, "rows": len(each.records), "kept": each.kept_name, "facts": dict(each.facts)}
                for each in segments
            ],
        }
        part = folder / f".{MANIFEST}.part"
        _synced(part, lambda file: file.write(json.dumps(content, indent=1).encode()))
        part.replace(folder / MANIFEST)
    except BaseException:  # a full disk is to have room again
        tidy(folder, manifest_of(folder) if (folder / MANIFEST).exists() else {"segments": []})
        raise
    _sync_folder(folder)
    tidy(folder, content)
    return replace(contents, segments=tuple(segments), where=folder), revision


def _on_disk(folder: Path, segment: Segment, dtype: str) -> Segment:
    """A segment in files of this folder."""
    if not (segment.name and (folder / f"{segment.name}.npy").is_file()):
        return _write_segment(folder, segment, dtype)
    if segment.kept is None or (segment.kept_name and (folder / f"{segment.kept_name}.npy").is_file()):
        return segment
    return _write_kept(folder, segment)


def tidy(folder: Path, content: dict[str, Any]) -> None:
    """Delete files of this module that no manifest names: of crashed writers, and of what was removed.

    To be called under `locked`. Readers keep what they have opened; one that was about to open it begins again.
    """
    named = {f"{each['name']}{end}" for each in content["segments"] for end in (".npy", ".json")}
    named |= {f"{each['kept']}.npy" for each in content["segments"]}
    for path in folder.iterdir():
        if OWN.fullmatch(path.name) and path.name not in named:
            with suppress(OSError):  # somebody has it open, under Windows
                path.unlink()


def _write_segment(folder: Path, segment: Segment, dtype: str) -> Segment:
    """A segment of the photos that have not been removed."""
    name = f"segment-{uuid.uuid4().hex}"
    records = segment.live

    def descriptors(file: IO[bytes]) -> None:
        size = (len(records), segment.vectors.shape[1])
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": size}
        np.lib.format.write_array_header_1_0(file, header)
        step = max(1, AT_ONCE // max(1, size[1] * np.dtype(dtype).itemsize))
        for start in range(0, size[0], step):
            rows = slice(start, start + step)
            block = segment.vectors[rows] if segment.kept is None else segment.vectors[segment.kept[rows]]
            file.write(np.ascontiguousarray(block, dtype).tobytes())
            forget(segment.vectors)

    _synced(folder / f"{name}.npy", descriptors)
    _synced(folder / f"{name}.json", lambda file: file.write(json.dumps(records.plain()).encode()))
    _sync_folder(folder)
    vectors = np.load(folder / f"{name}.npy", mmap_mode="r")
    return Segment(vectors, records, segment.facts, None, name)


def _write_kept(folder: Path, segment: Segment) -> Segment:
    name = f"kept-{uuid.uuid4().hex}"
    _synced(folder / f"{name}.npy", lambda file: np.save(file, np.asarray(segment.kept)))
    _sync_folder(folder)
    return replace(segment, kept_name=name)


def _synced(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Write a file, and have it on the disk before this returns."""
    with path.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Have the names of its files on the disk; Windows and some network disks know no such thing."""
    if os.name == "posix":
        number = os.open(folder, os.O_RDONLY)
        try:
            with suppress(OSError):
                os.fsync(number)
        finally:
            os.close(number)
