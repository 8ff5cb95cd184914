"""Pittsburgh 250k: 254,064 street views of Pittsburgh, and 23,712 others as queries.

Photos: A. Torii, J. Sivic, T. Pajdla, M. Okutomi, "Visual Place Recognition with Repetitive Structures", CVPR 2013.
Split: R. Arandjelovic, P. Gronat, A. Torii, T. Pajdla, J. Sivic, "NetVLAD: CNN architecture for weakly supervised place
recognition", CVPR 2016.
"""

from __future__ import annotations

from pathlib import Path

from geoloc.data.prepare import _pitts
from geoloc.data.prepare.plan import Plan

HOW = _pitts.HOW.format(name="pitts250k", last="010")
PUBLISHED = {
    "train/database": 91_464,
    "train/queries": 7_824,
    "val/database": 78_648,
    "val/queries": 7_608,
    "test/database": 83_952,
    "test/queries": 8_280,
}


def plan(raw: Path) -> Plan:
    """Plan the set.

    Args:
        raw: Folder with the photos and pitts250k_{train,val,test}.mat.

    Raises:
        InputError: A .mat file is missing or holds something else.
    """
    return _pitts.plan_pitts(raw, "pitts250k", HOW, PUBLISHED)
