"""Write a picture of predictions for a page, as docs/predictions.jpg is; for papers there is task=report.

    python scripts/strip.py RUN DOMAIN OUT.jpg [ROW ...]

Without rows, six queries spread over the domain are taken. The picture in the README was made with it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from PIL import Image

from geoloc.report.figures import strip
from geoloc.report.paper.ranked import read_ranked


def main() -> None:
    """Stack the strips of the chosen queries."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("domain")
    parser.add_argument("out", type=Path)
    parser.add_argument("rows", type=int, nargs="*")
    args = parser.parse_args()
    domains = json.loads((args.run / "results.json").read_text())["domains"]
    if args.domain not in domains:
        parser.error(f"{args.domain}: no such domain in {args.run}; there are {', '.join(domains)}")
    folders = domains[args.domain]["folders"]
    found = read_ranked(args.run / "predictions" / f"{args.domain}.csv")
    count = len(found.queries)
    chosen = args.rows or list(range(0, count, max(1, count // 6)))[:6]
    strips = [
        strip(
            Path(folders["queries"]) / found.queries[row],
            [Path(folders["database"]) / name for name in found.database[row, :5]],
            found.correct[row, :5].tolist(),
        )
        for row in chosen
    ]
    picture = Image.new("RGB", (strips[0].width, sum(each.height + 8 for each in strips) - 8), "white")
    for number, each in enumerate(strips):
        picture.paste(each, (0, number * (each.height + 8)))
    picture.save(args.out, quality=85)


if __name__ == "__main__":
    main()
