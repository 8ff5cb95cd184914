"""Sets without positions get made-up ones, along a line, so that a radius in metres says what the set calls right."""

from __future__ import annotations

from pathlib import Path

from geoloc.data.prepare.plan import Photo
from geoloc.data.prepare.raw_files import files_in
from geoloc.errors import InputError

EAST = 500_000.0  # within UTM, whose range is checked; the zone stays empty, so nothing lands on a map
APART = 1000.0  # metres between places that have nothing to do with each other


def on_line(source: Path, number: int, spacing: float, pano: str, note: str = "") -> Photo:
    """Photo `number` of a line of places that lie `spacing` metres apart, from south to north."""
    return Photo(source, EAST, number * spacing, pano=pano, note=note)


def pairs(database: Path, queries: Path, how: str) -> dict[str, list[Photo]]:
    """Photos of two folders that show the same place if they have the same name (whatever the extension).

    Args:
        database: One folder.
        queries: The other.
        how: How to get the set, for the message.

    Returns:
        Test split: each pair at one position, 1000 m from the next.

    Raises:
        InputError: A folder is missing, or a photo has no partner.
    """
    sides = {folder: _by_stem(folder, how) for folder in (database, queries)}
    alone = sorted(sides[database].keys() ^ sides[queries].keys())
    if alone:
        raise InputError(
            f"{len(alone)} photos have no partner of the same name in {database} and {queries}"
            f" ({', '.join(alone[:3])}); unpack the set anew"
        )
    return {
        f"test/{side}": [
            on_line(sides[folder][stem], number, APART, stem) for number, stem in enumerate(sorted(sides[folder]))
        ]
        for side, folder in (("database", database), ("queries", queries))
    }


def _by_stem(folder: Path, how: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder. {how}")
    return {path.stem: path for path in files_in(folder)}
