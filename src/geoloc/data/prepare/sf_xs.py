"""sf-xs, a subset of San Francisco XL for a course of the Politecnico di Torino.

Of Berton et al., Rethinking Visual Geo-localization for Large-Scale Applications, CVPR 2022. It comes in the layout of
the field. The photos to train on lie in one folder, since that paper trains on classes of places.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from geoloc.data.prepare import layout
from geoloc.data.prepare.plan import Plan

HOW = (
    "Unpack sf_xs.zip of the course (github.com/gmberton/Simple_VPR_codebase links it); RAW is its folder sf_xs with"
    " train, val/{database,queries} and test/{database,queries or queries_v1}, with or without images/ above them."
)
PUBLISHED = {
    "train": 59_650,
    "val/database": 8_015,
    "val/queries": 7_993,
    "test/database": 27_191,
    "test/queries_v1": 1_000,
}


def plan(raw: Path) -> Plan:
    """What the set will be.

    Args:
        raw: See `HOW`.

    Raises:
        InputError: The folders are others, or a name has no position.
    """
    found = layout.plan(raw, "sf_xs")
    # Some copies call the first of the two lists of queries of San Francisco XL `queries`; here is no second one.
    names = {} if "test/queries_v1" in found.sides else {"test/queries": "test/queries_v1"}
    sides = {names.get(side, side): photos for side, photos in found.sides.items()}
    return replace(found, sides=sides, published=PUBLISHED)
