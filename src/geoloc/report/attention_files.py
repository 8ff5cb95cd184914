"""Pictures of what made a match, which a run may have left in attention/<domain>.csv and the files that it names."""

from __future__ import annotations

import base64
import csv
from pathlib import Path

from geoloc.report.thumbnails import address

MOST = 5_000_000  # bytes of pictures that the page takes in; more stay files beside it


def attention(folder: Path, domain: str, queries: list[str], into: Path) -> dict[int, list[tuple[str, str]]]:
    """Row of a query -> (name of the database image, address of the picture).

    Args:
        folder: Of the run.
        domain: Its name.
        queries: In the order of the rows.
        into: Folder of the page.
    """
    table = folder / "attention" / f"{domain}.csv"
    if not table.is_file():
        return {}
    with table.open(newline="", encoding="utf-8") as file:
        lines = [
            (line["query"], line["database"], _file(folder, domain, line["file"])) for line in csv.DictReader(file)
        ]
    there = {path for _, _, path in lines if path.is_file()}
    inside = sum(path.stat().st_size for path in there) <= MOST
    rows = {query: row for row, query in enumerate(queries)}
    found: dict[int, list[tuple[str, str]]] = {}
    for query, database, path in lines:
        if query in rows and path in there:
            found.setdefault(rows[query], []).append((database, _address(path, into, inside)))
    return found


def _file(folder: Path, domain: str, name: str) -> Path:
    """Named from the run's folder, or from the domain's folder of pictures."""
    path = folder / name
    return path if path.is_file() else folder / "attention" / domain / Path(name).name


def _address(path: Path, folder: Path, inside: bool) -> str:
    if not inside:
        return address(path, folder)
    kind = "png" if path.suffix.lower() == ".png" else "jpeg"
    return f"data:image/{kind};base64," + base64.b64encode(path.read_bytes()).decode("ascii")
