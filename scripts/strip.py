"""Write pictures of predictions.

    python scripts/strip.py RUN DOMAIN OUT.jpg [ROW ...]

Without rows, six queries spread over the domain are taken. The picture in the README was made with it.
"""

from __future__ import annotations

import csv
import json
import sys
from itertools import groupby
from pathlib import Path

from PIL import Image

from geoloc.report.figures import strip


def main(run: str, domain: str, out: str, *rows: str) -> None:
    """Stack the strips of the chosen queries."""
    folders = json.loads((Path(run) / "results.json").read_text())["domains"][domain]["folders"]
    with (Path(run) / "predictions" / f"{domain}.csv").open(newline="") as file:
        queries = [list(group)[:5] for _, group in groupby(csv.DictReader(file), key=lambda row: row["query"])]
    chosen = [int(row) for row in rows] or list(range(0, len(queries), max(1, len(queries) // 6)))[:6]
    strips = [
        strip(
            Path(folders["queries"]) / queries[row][0]["query"],
            [Path(folders["database"]) / each["database"] for each in queries[row]],
            [each["correct"] == "1" for each in queries[row]],
        )
        for row in chosen
    ]
    picture = Image.new("RGB", (strips[0].width, sum(each.height + 8 for each in strips) - 8), "white")
    for number, each in enumerate(strips):
        picture.paste(each, (0, number * (each.height + 8)))
    picture.save(out, quality=85)


if __name__ == "__main__":
    main(*sys.argv[1:])
