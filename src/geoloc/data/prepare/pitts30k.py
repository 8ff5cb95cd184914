"""Pittsburgh 30k: the small part of Pittsburgh 250k, 10,000 street views each to train, validate and test.

Photos: A. Torii, J. Sivic, T. Pajdla, M. Okutomi, "Visual Place Recognition with Repetitive Structures", CVPR 2013.
Split: R. Arandjelovic, P. Gronat, A. Torii, T. Pajdla, J. Sivic, "NetVLAD: CNN architecture for weakly supervised place
recognition", CVPR 2016.
"""

from __future__ import annotations

from pathlib import Path

from geoloc.data.prepare import _pitts
from geoloc.data.prepare.plan import Plan

HOW = _pitts.HOW.format(name="pitts30k", last="006")
PUBLISHED = {
    "train/database": 10_000,
    "train/queries": 7_416,
    "val/database": 10_000,
    "val/queries": 7_608,
    "test/database": 10_000,
    "test/queries": 6_816,
}


def plan(raw: Path) -> Plan:
    """Plan the set.

    Args:
        raw: Folder with the photos and pitts30k_{train,val,test}.mat.

    Raises:
        InputError: A .mat file is missing or holds something else.
    """
    return _pitts.plan_pitts(raw, "pitts30k", HOW, PUBLISHED)
