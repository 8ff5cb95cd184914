"""From own photos with positions to a plan: names, splits, sides, and a list of what is left out."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from geoloc.data.prepare.plan import Photo, Plan
from geoloc.data.prepare.positions import in_one_frame
from geoloc.data.prepare.sharing import GAP, SHARE, Sharing
from geoloc.data.prepare.shots import Dropped, Shot, csv_text, groups, named, reasons, tables
from geoloc.data.prepare.splitting import areas, choose_queries, since, thin, without_positive
from geoloc.errors import InputError
from geoloc.places import SIDES, SPLITS

LEFT_OUT = "left_out.csv"
DATABASE, QUERIES = SIDES


def assemble(
    raw: Path,
    name: str | None,
    shots: Sequence[Shot],
    dropped: Dropped,
    sharing: Sharing,
    notes: list[str],
    options: dict[str, str],
) -> Plan:
    """Share out photos and name them.

    Args:
        raw: The raw set, a folder or a file.
        name: Of the set; None: that of the raw set.
        shots: With or without split and side; in the order in which `thin` prefers them.
        dropped: What is left out already.
        sharing: The options.
        notes: Lines for the summary.
        options: What the set depends on besides `sharing`.

    Raises:
        InputError: Nothing is left, or a split would have no database or no queries.
    """
    name = _own_name(raw) if name is None else name
    if "/" in name or name in ("", ".", ".."):
        raise InputError(f"--name {name or '(empty)'}: must be the name of a folder")
    if not shots:
        raise InputError(f"{name}: no photo has a position; {reasons(dropped)}")
    left = named(shots)
    dropped = list(dropped)
    for step in (_into_splits, _into_sides, _spaced):
        left, more = step(left, sharing)
        dropped += more
    if not left:
        raise InputError(f"{name}: no photo is left; {reasons(dropped)}")
    left = _random_queries(left, sharing)
    sides: dict[str, list[Photo]] = {}
    for split in sorted({shot.split for shot in left}, key=SPLITS.index):
        for side in SIDES:
            sides[f"{split}/{side}"] = [shot.photo for shot in left if (shot.split, shot.side) == (split, side)]
    way = "table" if all(shot.side for shot in shots) else sharing.way
    notes = [*notes, *_check(name, left, sides, sharing, way, dropped)]
    if dropped:
        notes.append(f"{len(dropped):,} photos are left out: {reasons(dropped)}; {LEFT_OUT} lists them")
    files = {LEFT_OUT: csv_text(("file", "reason"), sorted(dropped))} | tables(left)
    return Plan(name, sides, notes=notes, options={**options, **sharing.options()}, files=files, raw=raw)


def _into_splits(shots: list[Shot], sharing: Sharing) -> tuple[list[Shot], Dropped]:
    """The split of each photo: as a table says, else all in one, else by area."""
    if all(shot.split for shot in shots):
        return shots, []
    parts = sharing.parts()
    if len(parts) == 1:
        return [replace(shot, split=next(iter(parts))) for shot in shots], []
    gap = GAP if sharing.gap is None else sharing.gap
    blocks = areas(_places(shots), list(parts.values()), gap)
    split = [*parts, ""]
    left = [replace(shot, split=split[block]) for shot, block in zip(shots, blocks, strict=True)]
    empty = set(parts) - {shot.split for shot in left}
    if empty:
        raise InputError(
            f"--splits {sharing.splits}: {', '.join(sorted(empty))} would have no photos, since those less than"
            f" {gap / 2:g} m from a cut are left out; the area is too small for so many splits"
        )
    why = f"in the gap of {gap:g} m between splits"
    return [shot for shot in left if shot.split], [(shot.file, why) for shot in left if not shot.split]


def _into_sides(shots: list[Shot], sharing: Sharing) -> tuple[list[Shot], Dropped]:
    """The side of each photo, where a table, its time or its folder says it."""
    if all(shot.side for shot in shots) or sharing.way == "share":
        return shots, []
    if sharing.way == "folder":
        return _by_folder(shots, sharing.query_folders or ""), []
    known = since([shot.photo.time for shot in shots], sharing.date()).tolist()
    left = [replace(shot, side=SIDES[k]) for shot, k in zip(shots, known, strict=True) if k >= 0]
    return left, [(shot.file, "no time, or not exact enough") for shot, k in zip(shots, known, strict=True) if k < 0]


def _by_folder(shots: list[Shot], text: str) -> list[Shot]:
    wanted = [name.strip().strip("/") for name in text.split(",") if name.strip()]
    found = {name: {shot.file for shot in shots if shot.file.startswith(f"{name}/")} for name in wanted}
    unknown = [name for name, files in found.items() if not files]
    if unknown or not wanted:
        there = sorted({posixpath.dirname(shot.file) for shot in shots} - {""})
        raise InputError(
            f"--query-folders {text}: no photos in {', '.join(unknown) or 'no folder'}; the folders are"
            f" {', '.join(there[:10]) or 'none'}{', ...' if len(there) > 10 else ''}"
        )
    queries = set().union(*found.values())
    return [replace(shot, side=QUERIES if shot.file in queries else DATABASE) for shot in shots]


def _spaced(shots: list[Shot], sharing: Sharing) -> tuple[list[Shot], Dropped]:
    """Without photos that are too near another one of their side."""
    if sharing.spacing == 0 or not shots:
        return shots, []
    keep = np.ones(len(shots), bool)
    headings = np.array([np.nan if shot.photo.heading is None else shot.photo.heading for shot in shots])
    places = _places(shots)
    for rows in groups((shot.split, shot.side) for shot in shots):
        keep[rows] = thin(places[rows], headings[rows], sharing.spacing)
    why = f"nearer than {sharing.spacing:g} m to another"
    left = [shot for shot, kept in zip(shots, keep, strict=True) if kept]
    return left, [(shot.file, why) for shot, kept in zip(shots, keep, strict=True) if not kept]


def _random_queries(shots: list[Shot], sharing: Sharing) -> list[Shot]:
    """Sides for photos that have none yet; each split by itself."""
    chosen = list(shots)
    places = _places(shots)
    for rows in groups(shot.split for shot in shots):
        if not all(shots[row].side for row in rows):
            share = SHARE if sharing.query_share is None else sharing.query_share
            queries = choose_queries(places[rows], share, sharing.near, sharing.seed or 0)
            for row, is_query in zip(rows, queries, strict=True):
                chosen[row] = replace(shots[row], side=SIDES[int(is_query)])
    return chosen


def _check(
    name: str, shots: list[Shot], sides: dict[str, list[Photo]], sharing: Sharing, way: str, dropped: Dropped
) -> list[str]:
    """Refuse a side without photos; one line for each split with queries that have no database photo near."""
    empty = [side for side, photos in sides.items() if not photos]
    if empty:
        hint = {
            "table": "see its column side",
            "share": f"a query needs another photo within {sharing.near:g} m, see --near and --query-share",
            "time": f"the times are {' to '.join(_range(shot.photo.time for shot in shots))}, see --queries-after",
            "folder": "see --query-folders",
        }
        gone = f"; left out are {reasons(dropped)}" if dropped else ""
        raise InputError(f"{name}: {', '.join(empty)} would have no photos; {hint[way]}{gone}")
    lines = []
    places = _places(shots)
    for split in dict.fromkeys(shot.split for shot in shots):
        sets = {side: [shot.split == split and shot.side == side for shot in shots] for side in SIDES}
        lonely = without_positive(places[sets[QUERIES]], places[sets[DATABASE]], sharing.near)
        if lonely:
            lines.append(
                f"{lonely:,} of {sum(sets[QUERIES]):,} queries of {split} have no database photo within"
                f" {sharing.near:g} m"
            )
    return lines


def _range(times: Iterable[str]) -> tuple[str, str]:
    known = sorted(time for time in times if time)
    return (known[0], known[-1]) if known else ("unknown", "unknown")


def _places(shots: Sequence[Shot]) -> np.ndarray:
    return in_one_frame([shot.photo for shot in shots])


def _own_name(raw: Path) -> str:
    """The name of a folder, or of a file without its ending."""
    path = raw.resolve()
    return path.stem if path.is_file() else path.name
