"""What scans have found so far, in one SQLite file of the user, so that no file is decoded twice."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from geoloc.data.check.record import VERSION, Record

log = logging.getLogger(__name__)
TABLE = """CREATE TABLE IF NOT EXISTS images (
    path TEXT PRIMARY KEY, size INTEGER, changed INTEGER, version INTEGER,
    width INTEGER, height INTEGER, mode TEXT, digest BLOB, look BLOB, brightness REAL, error TEXT)"""
Key = tuple[str, int, int]  # absolute path, bytes, time of the last change in ns
AT_ONCE = 500  # paths in one question; SQLite takes at least 999


def cache_file() -> Path:
    """In $GEOLOC_CACHE, else in the folder for caches of the user."""
    own = os.environ.get("GEOLOC_CACHE")
    if own:
        return Path(own) / "scan.sqlite"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "geoloc" / "scan.sqlite"


class ScanCache:
    """Records of files, each good as long as the file keeps its size and its time of change.

    What cannot be read or written is warned of once; the scan goes on without.

    Args:
        path: The SQLite file; made if it is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.base: sqlite3.Connection | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.base = sqlite3.connect(path, timeout=30)
            with self.base:
                self.base.execute(TABLE)
        except (OSError, sqlite3.Error) as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        log.warning("%s: what the scan finds is not kept (%s); GEOLOC_CACHE=FOLDER names another", self.path, error)
        self.close()

    def get(self, keys: Sequence[Key]) -> dict[str, Record]:
        """Path -> record of those files that are known and have not changed."""
        known: dict[str, Record] = {}
        try:
            for first in range(0, len(keys), AT_ONCE):
                known |= self._some(keys[first : first + AT_ONCE])
        except sqlite3.Error as error:
            self._give_up(error)
        return known

    def _some(self, keys: Sequence[Key]) -> dict[str, Record]:
        if self.base is None:
            return {}
        marks = ",".join("?" * len(keys))
        rows = self.base.execute(f"SELECT * FROM images WHERE path IN ({marks})", [path for path, _, _ in keys])
        wanted = {key: key[0] for key in keys}
        return {
            wanted[path, size, changed]: Record(size, *rest)
            for path, size, changed, version, *rest in rows
            if version == VERSION and (path, size, changed) in wanted
        }

    def put(self, found: Iterable[tuple[Key, Record]]) -> None:
        """Keep records; those whose file could not be opened are left out."""
        rows = [
            (*key, VERSION, r.width, r.height, r.mode, r.digest, r.look, r.brightness, r.error)
            for key, r in found
            if r.lasting
        ]
        if self.base is None or not rows:
            return
        try:
            with self.base:
                self.base.executemany(f"INSERT OR REPLACE INTO images VALUES ({','.join('?' * len(rows[0]))})", rows)
        except sqlite3.Error as error:
            self._give_up(error)

    def close(self) -> None:
        """Let the file go."""
        if self.base is not None:
            self.base.close()
            self.base = None
