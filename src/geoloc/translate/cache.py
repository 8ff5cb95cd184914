"""Fills a folder with the night twins of a folder of photos, and goes on where it was stopped.

A file `twins.json` in the folder says by which generator and with which options the twins are made; others are refused,
so that all twins of a folder are of one kind. It keeps to hidden names for everything unfinished.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torchvision.transforms.v2 import functional as tf

from geoloc.data.images import read_pixels
from geoloc.data.readers import find_images
from geoloc.data.twins import twin_name
from geoloc.errors import InputError
from geoloc.textfiles import write_whole

MANIFEST = "twins.json"
QUALITY = 95
Translate = Callable[[torch.Tensor], torch.Tensor]
Progress = Callable[[int, int], None]


def manifest_of(path: Path, **options: Any) -> dict[str, Any]:
    """What a folder's twins are made by: the generator's name and digest, and all that changes the pictures."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"generator": path.name, "sha256": digest, **options, "quality": QUALITY}


def fill(
    photos: Path,
    twins: Path,
    translate: Translate,
    manifest: dict[str, Any],
    batch: int = 1,
    progress: Progress | None = None,
) -> int:
    """Write the twins of all photos that have none yet.

    Args:
        photos: Folder of photos, searched through its subfolders.
        twins: Folder of the twins; made if it is missing.
        translate: (B, 3, H, W) uint8 -> the same.
        manifest: See `manifest_of`.
        batch: Most photos at once; only neighbours of the same size share a batch.
        progress: Called as progress(done, total) with numbers of this call's photos.

    Returns:
        Number of twins written by this call.

    Raises:
        InputError: The folder holds something else or twins of another kind, another process is filling it, or a photo
            cannot be read.
    """
    names = find_images(photos)
    with _locked(twins):
        _claim(twins, manifest)
        todo = [name for name in names if not _twin(twins, name).exists()]
        done = 0
        if progress is not None:
            progress(done, len(todo))
        for group, frames in _batches(photos, todo, batch):
            for name, night in zip(group, translate(frames), strict=True):
                _write(_twin(twins, name), night)
            done += len(group)
            if progress is not None:
                progress(done, len(todo))
    return done


def _twin(twins: Path, name: str) -> Path:
    photo = Path(name)
    return twins / photo.parent / twin_name(photo.name)


@contextmanager
def _locked(twins: Path) -> Iterator[None]:
    twins.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(twins.parent / f".{twins.name}.lock", timeout=0):
            yield
    except Timeout:
        raise InputError(f"{twins}: another process is filling this folder") from None


def _claim(twins: Path, manifest: dict[str, Any]) -> None:
    """Take a new folder, or one whose twins are of the same kind, and remove what was left unfinished."""
    path = twins / MANIFEST
    if not path.is_file():
        if twins.exists() and any(twins.iterdir()):
            raise InputError(f"{twins}: holds files that are no night twins (no {MANIFEST}); name another folder")
        twins.mkdir(exist_ok=True)
        write_whole(path, json.dumps(manifest, indent=2) + "\n")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        differ = [key for key in sorted(manifest.keys() | found.keys()) if found.get(key) != manifest.get(key)]
    except (ValueError, AttributeError):
        raise InputError(f"{path}: cannot be read; remove the folder, or name another one") from None
    # Renaming a generator's file changes no pixel.
    differ = [key for key in differ if key != "generator"]
    if differ and not any(
        each.is_file() for each in twins.rglob("*") if not each.name.startswith(".") and each != path
    ):
        write_whole(path, json.dumps(manifest, indent=2) + "\n")  # the other generator has written nothing
    elif differ:
        said = ", ".join(f"{key} {_short(found.get(key))}, not {_short(manifest.get(key))}" for key in differ)
        raise InputError(f"{twins}: was begun with another generator or options ({said}); name another folder")
    for part in twins.rglob(".*.part"):
        part.unlink()


def _short(value: Any) -> str:
    return value[:12] if isinstance(value, str) else json.dumps(value)


def _batches(photos: Path, names: Sequence[str], most: int) -> Iterator[tuple[list[str], torch.Tensor]]:
    """Groups of neighbouring photos of the same size, with their (B, 3, H, W) uint8 pixels."""
    group: list[str] = []
    frames: list[torch.Tensor] = []
    for name in names:
        frame = read_pixels(photos / name)
        if frames and (len(frames) == most or frame.shape != frames[0].shape):
            yield group, torch.stack(frames)
            group, frames = [], []
        group.append(name)
        frames.append(frame)
    if frames:
        yield group, torch.stack(frames)


def _write(path: Path, night: torch.Tensor) -> None:
    """Whole or not at all, so that a twin that exists is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    tf.to_pil_image(night).save(part, "JPEG", quality=QUALITY, subsampling=0)
    part.replace(path)
