"""tokyo-xs, a subset of Tokyo 24/7 for a course of the Politecnico di Torino; test only.

Of Torii et al., 24/7 Place Recognition by View Synthesis, CVPR 2015. It comes in the layout of the field.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from geoloc.data.prepare import layout
from geoloc.data.prepare.plan import Plan

HOW = (
    "Unpack tokyo_xs.zip of the course (github.com/gmberton/Simple_VPR_codebase links it); RAW is its folder tokyo_xs"
    " with test/{database,queries}, with or without images/ above it."
)
PUBLISHED = {"test/database": 12_771, "test/queries": 315}


def plan(raw: Path) -> Plan:
    """What the set will be.

    Args:
        raw: See `HOW`.

    Raises:
        InputError: The folders are others, or a name has no position.
    """
    return replace(layout.plan(raw, "tokyo_xs"), published=PUBLISHED)
