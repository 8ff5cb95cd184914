"""HEIC photos (of iPhones and others): read only if there are some, by a library that need not be installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from geoloc.errors import InputError

HEIC = frozenset({".heic", ".heif"})


def is_heic(path: Path) -> bool:
    """Whether a file's ending says that it is one."""
    return path.suffix.lower() in HEIC


def read_heic_too(files: Sequence[Path]) -> None:
    """Teach Pillow, and so `read_image`, to open HEIC files, if one of these is one.

    Raises:
        InputError: There are some and the library is not installed.
    """
    found = [path for path in files if is_heic(path)]
    if not found:
        return
    try:
        from pi_heif import register_heif_opener
    except ImportError:
        shown = ", ".join(path.name for path in found[:3])
        raise InputError(
            f"{len(found)} photos are HEIC files ({shown}{', ...' if len(found) > 3 else ''}), which need one more"
            " package: pip install 'geoloc[heic]'"
        ) from None
    register_heif_opener()
