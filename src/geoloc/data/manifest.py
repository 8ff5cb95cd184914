"""A manifest: one table of the photos of all splits, which stay where they are.

Its columns are those of `geoloc.data.tables` and
- `path`: relative to the manifest's folder, or absolute;
- `side`: database, or queries (query is taken, too);
- `split`: train, val or test. Without this column all rows are test.

Columns of other names are left alone.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from geoloc.data.images import EXTENSIONS
from geoloc.data.tables import UNDERSTOOD, Row, read_rows, to_places, wrong_cells, wrong_rows
from geoloc.errors import InputError
from geoloc.places import SIDES, SPLITS, PlaceSet

log = logging.getLogger(__name__)
SPELLINGS = {"database": "database", "queries": "queries", "query": "queries"}


@dataclass(frozen=True)
class Part:
    """Where a domain comes from: one split of a manifest."""

    manifest: Path
    split: str

    def facts(self) -> dict[str, str]:
        """Plain values, by which it is found again from any folder."""
        # A manifest that is a link counts where it stands: its paths are relative to that folder.
        return {"manifest": str(self.manifest.parent.resolve() / self.manifest.name), "split": self.split}


def is_manifest(path: str | Path) -> bool:
    """Whether a path names a manifest, and no data set's folder."""
    return Path(path).suffix.lower() == ".csv" and not Path(path).is_dir()


def splits_of(manifest: Path) -> set[str]:
    """The splits that have a row.

    Raises:
        InputError: The manifest cannot be read.
    """
    return {row["split"] for row in _assigned(manifest, read_rows(manifest, ("side",))[0])}


def has_split(path: str | Path, split: str) -> bool:
    """Whether a data set's folder, or a manifest, holds images of this split.

    Raises:
        InputError: The manifest cannot be read.
    """
    if is_manifest(path):
        return split in splits_of(Path(path))
    return (Path(path) / "images" / split).is_dir()


def read_split(manifest: Path, split: str, coordinates: Literal["utm", "local"]) -> tuple[PlaceSet, PlaceSet]:
    """Read one split.

    Args:
        manifest: CSV in UTF-8.
        split: "train", "val" or "test"; photos and positions of the others are not looked at.
        coordinates: See `geoloc.places.PlaceSet`.

    Returns:
        Database and queries, each in the order of their paths. `root` is the manifest's folder; a photo elsewhere that
        the manifest calls by its absolute path has that path for its name.

    Raises:
        InputError: One line for each kind of wrong rows, with their lines in the file.
    """
    raw, keys = read_rows(manifest, ("side",))
    rows = _assigned(manifest, raw)
    sides = {side: [row for row in rows if (row["split"], row["side"]) == (split, side)] for side in SIDES}
    rule = "" if "split" in raw[0].cells else " (there is no column split, so all rows are test)"
    _check_sides(manifest, rows, [f"{split} {side}" for side in SIDES if not sides[side]], rule)
    ignored = sorted(set(raw[0].cells) - {"split", "side", *UNDERSTOOD})
    log.info(
        "%s: %d database, %d queries of %s%s%s",
        *(manifest, len(sides["database"]), len(sides["queries"]), split, rule),
        f"; columns that mean nothing to geoloc: {', '.join(ignored)}" if ignored else "",
    )
    problems = [line for side in SIDES for line in _wrong_paths(manifest, f"{split} {side}", sides[side])]
    problems += wrong_cells(manifest, [row for side in SIDES for row in sides[side]], keys)
    if problems:
        raise InputError(*problems)
    try:
        database, queries = (to_places(sides[side], keys, manifest.parent, coordinates) for side in SIDES)
    except InputError as error:  # it names the photo, and not the file
        raise InputError(*(f"{manifest}: {line}" for line in error.problems)) from None
    return database, queries


def _assigned(manifest: Path, raw: list[Row]) -> list[Row]:
    """The rows with one spelling of each split, side and path.

    Raises:
        InputError: A split or a side is not known.
    """
    folder = os.path.normpath(manifest.parent.absolute()).rstrip("/") + "/"
    rows, splits, sides = [], [], []
    for row in raw:
        split, side = row.cells.get("split", "test").strip(), row["side"].strip()
        if split not in SPLITS:
            splits.append((row, f"the split {split!r} must be one of {', '.join(SPLITS)}"))
        if side not in SPELLINGS:
            sides.append((row, f"the side {side!r} must be database or queries"))
        path = row["path"].removeprefix(folder)
        rows.append(Row(row.line, row.cells | {"split": split, "side": SPELLINGS.get(side, ""), "path": path}))
    problems = wrong_rows(manifest, splits) + wrong_rows(manifest, sides)
    if problems:
        raise InputError(*problems)
    return rows


def _check_sides(manifest: Path, rows: list[Row], absent: list[str], rule: str) -> None:
    """Refuse a split without a database or without queries."""
    if absent:
        counts = Counter(f"{row['split']} {row['side']}" for row in rows)
        there = ", ".join(f"{number} {part}" for part, number in sorted(counts.items()))
        raise InputError(f"{manifest}: has no rows of {' or '.join(absent)}, only {there}{rule}")


def _wrong_paths(manifest: Path, part: str, rows: list[Row]) -> list[str]:
    """What is wrong with the paths of one side of a split: one line of each kind."""
    formats, missing, twice = [], [], []
    first: dict[str, int] = {}
    for row in rows:
        name = row["path"]
        if Path(name).suffix.lower() not in EXTENSIONS:
            formats.append((row, f"is no image (accepted: {' '.join(sorted(EXTENSIONS))}, in any case)"))
        elif not os.path.isfile(manifest.parent / name):  # noqa: PTH113 - Path.is_file raises where a name is too long
            missing.append((row, f"there is no such file in {manifest.parent}"))
        absolute = os.path.normpath(manifest.parent.absolute() / name)
        if first.setdefault(absolute, row.line) != row.line:
            twice.append((row, f"is listed twice in {part}, first in line {first[absolute]}"))
    return [line for found in (formats, missing, twice) for line in wrong_rows(manifest, found)]
