"""Files of a raw set, without what file managers and archives of other systems leave beside them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from geoloc.data.images import EXTENSIONS
from geoloc.data.readers import walk


def files_below(folder: Path, extensions: Iterable[str] = EXTENSIONS) -> list[Path]:
    """Sorted files of some kinds in a folder and its subfolders; none if there is no such folder.

    Links are followed. Hidden files are passed over: macOS leaves a `._0000.jpg` beside each `0000.jpg` that it copies.

    Args:
        folder: Searched.
        extensions: Endings in lower case with their dots; files may have them in upper case, too.
    """
    return sorted(path for place, names in walk(folder) for path in _of(place, names, extensions))


def files_in(folder: Path, extensions: Iterable[str] = EXTENSIONS) -> list[Path]:
    """Likewise, of the folder alone."""
    names = [path.name for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
    return sorted(_of(folder, names, extensions))


def _of(place: Path, names: list[str], extensions: Iterable[str]) -> list[Path]:
    return [place / name for name in names if Path(name).suffix.lower() in extensions and not name.startswith(".")]
