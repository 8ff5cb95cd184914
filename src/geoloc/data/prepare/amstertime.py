"""AmsterTime: old photos of Amsterdam as queries, and a photo of today from each spot; test only.

Yildiz, Khademi, Siebes, van Gemert: AmsterTime: A Visual Place Recognition Benchmark Dataset for Severe Domain Shift.
ICPR 2022, https://arxiv.org/abs/2203.16291

The set gives no positions: the photos of a pair get the same made-up one, 1000 m from the next pair's.
"""

from __future__ import annotations

from pathlib import Path

from geoloc.data.prepare.download import Download
from geoloc.data.prepare.plan import Plan
from geoloc.data.prepare.unplaced import pairs

HOW = "Get it from https://doi.org/10.4121/19580806 and unpack it: RAW/new/0000.png and RAW/old/0000.jpg, and so on."
DOWNLOADS = (
    Download(
        "https://data.4tu.nl/ndownloader/items/d2ee2551-986a-46bc-8540-b43f5b01ec4d/versions/4",
        "data.zip",
        inside=("AmsterTime-v1.0.zip",),
    ),
)
PUBLISHED = {"test/database": 1231, "test/queries": 1231}


def plan(raw: Path) -> Plan:
    """What becomes of the raw set.

    Args:
        raw: Folder that holds `new` and `old`.

    Raises:
        InputError: One of them is missing, or a photo has no partner.
    """
    return Plan("amstertime", pairs(raw / "new", raw / "old", HOW), PUBLISHED)
