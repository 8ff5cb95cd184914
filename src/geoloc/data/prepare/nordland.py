"""Nordland: a railway journey in summer (the database) and in winter (the queries); test only.

Suenderhauf, Neubert, Protzel: Are We There Yet? Challenging SeqSLAM on a 3000 km Journey Across All Four Seasons.
ICRA Workshop on Long-Term Autonomy 2013. The frames are those of Hausler et al.: Patch-NetVLAD. CVPR 2021,
https://arxiv.org/abs/2103.01486

Frame i of every season shows the same place. A match at most 10 frames away counts as right: the frames get made-up
positions along a line, 25 / 10.5 = 2.381 m apart, so that these are the ones within the field's 25 m.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from geoloc.data.prepare.download import Download
from geoloc.data.prepare.plan import Photo, Plan
from geoloc.data.prepare.unplaced import on_line
from geoloc.errors import InputError

HOW = (
    "Get summer.tar.gz, winter.tar.gz and cleanImageNames.txt from"
    " https://universityofadelaide.app.box.com/s/zkfk1akpbo5318fzqmtvlpp7030ex4up and unpack them: RAW/summer/*.png,"
    " RAW/winter/*.png and RAW/cleanImageNames.txt."
)
BOX = (
    "https://adelaideuniversity.app.box.com/index.php?rm=box_download_shared_file"
    "&shared_name=zkfk1akpbo5318fzqmtvlpp7030ex4up&file_id="
)
NAMES = "cleanImageNames.txt"
DOWNLOADS = (
    Download(f"{BOX}f_1424421870101", "summer.tar.gz"),
    Download(f"{BOX}f_1521702837314", "winter.tar.gz", into="winter"),
    Download(f"{BOX}f_1424408901067", NAMES, unpack=False),
)
FRAMES = 27_592
PUBLISHED = {"test/database": FRAMES, "test/queries": FRAMES}
SPACING = 25 / 10.5  # metres from frame to frame


def plan(raw: Path, queries: Literal["winter", "summer"] = "winter", every: int = 1) -> Plan:
    """What becomes of the raw set.

    Args:
        raw: Folder that holds `summer`, `winter` and the list of frames without tunnels and stops.
        queries: Season of the queries; the other one is the database. Some works turn it round.
        every: Only every n-th frame becomes a query; 10 gives 2,760 queries.

    Raises:
        InputError: The list or a season is missing, or `every` is no number of frames.
    """
    if every < 1:
        raise InputError(f"every: must be at least 1 frame, not {every}")
    names = _names(raw / NAMES)
    other = "summer" if queries == "winter" else "winter"
    sides = {"test/database": _season(raw, other, names), "test/queries": _season(raw, queries, names)[::every]}
    published = {**PUBLISHED, "test/queries": -(-FRAMES // every)}
    return Plan("nordland", sides, published, options={"queries": queries, "every": str(every)})


def _names(path: Path) -> list[str]:
    """File names of the frames, in the order of the journey."""
    if not path.is_file():
        raise InputError(f"{path}: no such file. {HOW}")
    names = sorted({line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()})
    if not names:
        raise InputError(f"{path}: is empty; get it anew")
    return names


def _season(raw: Path, season: str, names: list[str]) -> list[Photo]:
    if not (raw / season).is_dir():
        raise InputError(f"{raw / season}: no such folder. {HOW}")
    return [on_line(raw / season / name, i, SPACING, f"{i:05d}", season) for i, name in enumerate(names)]
