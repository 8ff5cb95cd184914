"""Tokyo 24/7: street views of Tokyo by day; phone photos by day, at sunset and by night as queries.

A. Torii, R. Arandjelovic, J. Sivic, M. Okutomi, T. Pajdla, "24/7 Place Recognition by View Synthesis", CVPR 2015.
The queries are the 315 of that paper's evaluation. Their notes say "day", "sunset" or "night".
"""

from __future__ import annotations

from pathlib import Path

from geoloc.data.prepare import _tokyo
from geoloc.data.prepare.plan import Plan

HOW = _tokyo.HOW
DOWNLOADS = _tokyo.DOWNLOADS
PUBLISHED = {"test/database": _tokyo.PUBLISHED_DATABASE, "test/queries": 315}


def plan(raw: Path, full_size: bool = False) -> Plan:
    """Plan the set.

    Args:
        raw: Folder with the database, the queries and tokyo247.mat.
        full_size: Leave the queries as they are; by default their shorter side is shrunk to 480 pixels, as in the
            benchmark of Berton et al., CVPR 2022.

    Raises:
        InputError: A file is missing or holds something else.
    """
    struct = _tokyo.read_tokyo(raw, HOW)
    queries, notes = _tokyo.plan_queries(raw, struct, full_size)
    sides = {"test/database": _tokyo.plan_database(raw, struct), "test/queries": queries}
    return Plan("tokyo247", sides, PUBLISHED, notes, {"queries": _tokyo.size_words(full_size)})
