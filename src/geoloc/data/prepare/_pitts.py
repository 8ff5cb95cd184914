"""What the two Pittsburgh sets share: tiles of panoramas, named `000/000000_pitch1_yaw1.jpg`.

Each panorama was cut into 2 rows (pitch 1 and 2) of 12 views (yaw 1 to 12). From which direction the views are counted
is not documented, so headings and pitches stay empty.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from geoloc.data.prepare._dbstruct import find_structs, first_root, read_struct
from geoloc.data.prepare.plan import Photo, Plan
from geoloc.errors import InputError
from geoloc.places import SPLITS

ZONE = "17T"
DATABASE = ("", "images")
QUERIES = ("queries_real", "queries")
VIEW = re.compile(r"(?P<pano>\d+)_(?P<note>pitch(?P<pitch>\d+)_yaw(?P<yaw>\d+))\.jpg")
HOW = (
    "The photos are given on request (see https://github.com/Relja/netvlad), the files {name}_*.mat with the dataset"
    " specifications at https://www.di.ens.fr/willow/research/netvlad. RAW holds the folders 000 to {last} and"
    " queries_real, and {name}_train.mat, {name}_val.mat and {name}_test.mat there or in datasets/."
)


def plan_pitts(raw: Path, name: str, how: str, published: dict[str, int]) -> Plan:
    """One of the sets.

    Args:
        raw: Folder of the raw set.
        name: "pitts30k" or "pitts250k".
        how: Where to get it.
        published: Numbers of photos of each side.

    Raises:
        InputError: A file is missing or holds something else.
    """
    sides = {}
    paths = find_structs(raw, [f"{name}_{split}" for split in SPLITS], how)
    for split, path in zip(SPLITS, paths, strict=True):
        struct = read_struct(path)
        for side, names, xy, folders in (
            ("database", struct.database, struct.database_xy, DATABASE),
            ("queries", struct.queries, struct.queries_xy, QUERIES),
        ):
            root = first_root(raw, folders, names[0])
            sides[f"{split}/{side}"] = [_photo(root / view, at, path) for view, at in zip(names, xy, strict=True)]
    return Plan(name, sides, published)


def _photo(source: Path, at: np.ndarray, struct: Path) -> Photo:
    """One tile; `at` is (2,) metres."""
    view = VIEW.fullmatch(source.name)
    if not view:
        raise InputError(f"{struct}: {source.name} is not named like 000000_pitch1_yaw1.jpg")
    tile = (int(view["pitch"]) - 1) * 24 + int(view["yaw"]) - 1
    return Photo(source, float(at[0]), float(at[1]), ZONE, pano=view["pano"], tile=f"{tile:02d}", note=view["note"])
