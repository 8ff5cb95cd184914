"""A planned data set onto the disk: hard links, else copies. What is there already stays."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from geoloc.data.images import EXTENSIONS, read_image
from geoloc.data.prepare.clips import read_frame
from geoloc.data.prepare.plan import Photo, Plan, relative_path
from geoloc.data.prepare.raw_files import files_below
from geoloc.data.readers import RECORD
from geoloc.errors import InputError
from geoloc.textfiles import read_json, write_whole

CHECKSUMS = "checksums.sha256"
LONGEST = 255  # bytes of a name that file systems allow
QUALITY = 95  # of JPEG files that are made anew


@dataclass(frozen=True)
class Summary:
    """What has been written.

    Attributes:
        folder: The data set.
        counts: "test/queries" and the like -> photos.
        published: The same keys -> published numbers, where there are any.
        ways: "linked", "copied", "converted", "there already" -> photos.
        notes: Those of the plan.
    """

    folder: Path
    counts: dict[str, int]
    published: dict[str, int]
    ways: dict[str, int]
    notes: list[str] = field(default_factory=list)

    def differences(self) -> list[str]:
        """One line for each number that is not the published one."""
        return [
            f"{side}: {self.counts.get(side, 0):,} photos, but {number:,} are published; the raw set is not complete,"
            " or is another version"
            for side, number in self.published.items()
            if self.counts.get(side, 0) != number
        ]


def write(
    plan: Plan, folder: Path, copy: bool = False, progress: Callable[[int, int], None] = lambda done, total: None
) -> Summary:
    """Write a data set. The raw files are read only.

    Args:
        plan: What it will be.
        folder: Of the data set, `ROOT/NAME`; made if needed, continued if an earlier call was interrupted. If it is the
            raw set itself, with every photo where it is to go, only the record is written.
        copy: Copy files instead of linking them.
        progress: Told (done, total) after each photo.

    Raises:
        InputError: A photo is missing, two would get the same name, or the folder holds something else.
    """
    if plan.raw is not None and plan.raw.resolve() == folder.resolve():
        raise InputError(f"{folder}: is the raw set itself; name another folder with --out")
    targets = _targets(plan, folder)
    in_place = _in_place(targets)
    _check_claim(plan, folder, in_place)
    tables = {folder / name: text for name, text in plan.files.items()}
    strangers = [] if in_place else _strangers(folder, {*targets, *tables})
    if strangers:
        raise InputError(
            f"{folder}: {len(strangers)} photos there are not of {plan.name} ({', '.join(strangers[:3])}); remove them,"
            " or name another folder with --out"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}); name another folder with --out") from None
    _record(folder, plan, "unfinished", {})
    ways: Counter[str] = Counter()
    for done, (target, photo) in enumerate(targets.items(), 1):
        ways[_place(photo, target, copy)] += 1
        progress(done, len(targets))
    for path, text in tables.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    counts = {side: len(photos) for side, photos in plan.sides.items()}
    summary = Summary(folder, counts, plan.published, dict(ways), plan.notes)
    _record(folder, plan, "finished", counts)
    return summary


def _targets(plan: Plan, folder: Path) -> dict[Path, Photo]:
    """Where each photo goes."""
    targets: dict[Path, Photo] = {}
    missing: list[Path] = []
    for side, photos in plan.sides.items():
        if not photos:
            raise InputError(f"{plan.name}: the raw set has no photos for {side}")
        for photo in photos:
            target = folder / "images" / side / relative_path(photo)
            if len(target.name.encode()) > LONGEST:
                raise InputError(
                    f"{photo.source}: its new name would have more than {LONGEST} bytes; make its note shorter"
                )
            if target in targets:
                raise InputError(f"{photo.source} and {targets[target].source} would both become {target.name}")
            targets[target] = photo
            if not photo.source.is_file():
                missing.append(photo.source)
    if missing:
        shown = ", ".join(map(str, missing[:3]))
        raise InputError(f"{plan.name}: {len(missing)} of {len(targets)} photos are missing in the raw set ({shown})")
    return targets


def _in_place(targets: dict[Path, Photo]) -> bool:
    """Whether the raw set is the prepared one: every photo lies where it is to go."""
    there = sum(target == photo.source for target, photo in targets.items())
    if 0 < there < len(targets):
        target, source = next((target, photo.source) for target, photo in targets.items() if target != photo.source)
        raise InputError(
            f"{source.parent}: must be {target.parent} in a prepared set; rename it, or name another folder with --out"
        )
    return there > 0


def _check_claim(plan: Plan, folder: Path, in_place: bool) -> None:
    """Refuse a folder that holds, or is going to be, something else."""
    record = read_json(folder / RECORD)
    if not record and not in_place and (folder / "images").exists():
        raise InputError(f"{folder}: holds images that were not prepared here; name another folder with --out")
    wanted = {"set": plan.name, "options": plan.options}
    there = {key: record.get(key) for key in wanted}
    if record and there != wanted:
        raise InputError(
            f"{folder}: was prepared as {_words(there)}, not as {_words(wanted)}; remove it, or name another folder"
            " with --out"
        )


def _words(record: dict[str, Any]) -> str:
    options = ", ".join(f"{key} {value}" for key, value in (record.get("options") or {}).items())
    return f"{record['set']} ({options})" if options else str(record["set"])


def _record(folder: Path, plan: Plan, status: str, counts: dict[str, int]) -> None:
    content = {
        "set": plan.name,
        "options": plan.options,
        "status": status,
        "counts": counts,
        "published": plan.published,
        "notes": plan.notes,
    }
    write_whole(folder / RECORD, json.dumps(content, indent=1) + "\n")


def _place(photo: Photo, target: Path, copy: bool) -> str:
    """Bring one photo to its place; says how."""
    if target.exists() and (photo.converted or target.stat().st_size == photo.source.stat().st_size):
        return "there already"
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{hashlib.blake2b(target.name.encode(), digest_size=8).hexdigest()}.part")
    try:
        way = _make(photo, part, copy)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return way


def _make(photo: Photo, part: Path, copy: bool) -> str:
    part.unlink(missing_ok=True)
    if photo.converted:
        image = read_image(photo.source) if photo.frame is None else read_frame(photo.source, photo.frame)
        _shrunk(image, photo.shorter).save(part, "JPEG", quality=QUALITY)
        return "converted"
    source = photo.source.resolve()
    if not copy:
        try:
            os.link(source, part)
        except OSError:  # another disk, or a file system without links
            pass
        else:
            return "linked"
    shutil.copyfile(source, part)
    return "copied"


def _shrunk(image: Image.Image, shorter: int | None) -> Image.Image:
    if shorter is None or min(image.size) <= shorter:
        return image
    scale = shorter / min(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BILINEAR)  # with antialiasing, as Pillow always does


def _strangers(folder: Path, known: set[Path]) -> list[str]:
    """Photos that the plan does not know; what a killed run left half made is removed.

    Files that are no photos, such as those that file managers leave, do no harm: no reader takes them.
    """
    found = []
    for place, _, files in os.walk(folder / "images"):
        for name in files:
            path = Path(place) / name
            if name.startswith("."):
                if name.endswith(".part"):  # of a run that was killed
                    path.unlink()
            elif path.suffix.lower() in EXTENSIONS and path not in known:
                found.append(name)
    return found


def write_checksums(folder: Path, progress: Callable[[int, int], None]) -> Path:
    """Write the SHA-256 of every photo, for `sha256sum -c checksums.sha256` in the data set's folder."""
    paths = files_below(folder / "images")
    lines = []
    for done, path in enumerate(paths, 1):
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.relative_to(folder).as_posix()}\n")
        progress(done, len(paths))
    write_whole(folder / CHECKSUMS, "".join(lines))
    return folder / CHECKSUMS
