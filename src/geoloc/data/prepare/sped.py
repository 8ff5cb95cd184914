"""SPED: outdoor webcams at two times of the year, the 607 pairs of VPR-Bench; test only.

Chen, Liu, Sa, Ge, Chli: Learning Context Flexible Attention Model for Long-Term Visual Place Recognition. RA-L 2018.
Zaffar et al.: VPR-Bench. IJCV 2021, https://arxiv.org/abs/2005.08135

The set gives no positions: the photos of a pair get the same made-up one, 1000 m from the next pair's.
"""

from __future__ import annotations

from pathlib import Path

from geoloc.data.prepare.download import Download
from geoloc.data.prepare.plan import Plan
from geoloc.data.prepare.unplaced import pairs

HOW = (
    "Get SPEDTEST.zip from https://surfdrive.surf.nl/files/index.php/s/sbZRXzYe3l0v67W (VPR-Bench) and unpack it:"
    " RAW/SPEDTEST/ref and RAW/SPEDTEST/query, with the same names in both."
)
DOWNLOADS = (
    Download(
        "https://surfdrive.surf.nl/files/index.php/s/sbZRXzYe3l0v67W/download?path=%2F&files=SPEDTEST.zip",
        "SPEDTEST.zip",
    ),
)
PUBLISHED = {"test/database": 607, "test/queries": 607}


def plan(raw: Path) -> Plan:
    """What becomes of the raw set.

    Args:
        raw: Folder that holds `SPEDTEST`, or that folder itself.

    Raises:
        InputError: `ref` or `query` is missing, or a photo has no partner.
    """
    folder = raw / "SPEDTEST" if (raw / "SPEDTEST").is_dir() else raw
    return Plan("sped", pairs(folder / "ref", folder / "query", HOW), PUBLISHED)
