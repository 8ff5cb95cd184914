"""Pictures of what made a match, which a run may have left in attention/<domain>.csv and the files that it names."""

from __future__ import annotations

import csv
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from geoloc.report.thumbnails import address, held

log = logging.getLogger(__name__)
MOST = 5_000_000  # bytes of pictures of a domain that the page takes in; more stay files beside it


def attention(folder: Path, domain: str, queries: Sequence[str], into: Path) -> dict[int, dict[str, Any]]:
    """Row of a query -> the address of its picture (`src`), and what it shows (`shown`).

    `shown` has role, name and similarity of each database image, as in the table.

    Args:
        folder: Of the run.
        domain: Its name.
        queries: In the order of the rows.
        into: Folder of the page.
    """
    table = folder / "attention" / f"{domain}.csv"
    if not table.is_file():
        return {}
    rows = {query: row for row, query in enumerate(queries)}
    found: dict[int, dict[str, Any]] = {}
    size = outside = 0
    with table.open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            row, path = rows.get(line["query"]), folder / line["file"]
            if row is None or not path.is_file():
                continue
            if row not in found:
                size += path.stat().st_size
                outside += size > MOST
                found[row] = {"src": held(path.read_bytes()) if size <= MOST else address(path, into), "shown": []}
            found[row]["shown"].append((line["role"], line["database"], float(line["similarity"])))
    if outside:
        log.info("report.html: %d of %d attention pictures of %s stay files beside it", outside, len(found), domain)
    return found
