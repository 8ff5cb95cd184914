"""Bring a raw data set into the layout: `python scripts/prepare.py SET RAW`; --help lists the sets."""

from __future__ import annotations

import sys

from geoloc.data.prepare.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
