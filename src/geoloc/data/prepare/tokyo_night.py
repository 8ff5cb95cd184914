"""Tokyo by night: the database of Tokyo 24/7 and, as queries, the third of its queries that was taken by night.

A. Torii, R. Arandjelovic, J. Sivic, M. Okutomi, T. Pajdla, "24/7 Place Recognition by View Synthesis", CVPR 2015.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from geoloc.data.prepare import _tokyo
from geoloc.data.prepare.plan import Photo, Plan
from geoloc.data.readers import read_places
from geoloc.errors import InputError

HOW = _tokyo.HOW
DOWNLOADS = _tokyo.DOWNLOADS
PUBLISHED = {"test/database": _tokyo.PUBLISHED_DATABASE, "test/queries": 105}  # a third of 315


def plan(raw: Path, queries: Path | None = None, full_size: bool = False) -> Plan:
    """Plan the set.

    Args:
        raw: Folder with the database, the queries and tokyo247.mat.
        queries: Folder of night photos whose names are in the layout already, to be used as they are instead of the
            queries in the raw folder.
        full_size: Leave the queries as they are; by default their shorter side is shrunk to 480 pixels, as in the
            benchmark of Berton et al., CVPR 2022.

    Raises:
        InputError: A file is missing or holds something else.
    """
    if queries is not None and full_size:
        raise InputError(
            "--full-size has no meaning with --queries, whose photos are used as they are; drop one of them"
        )
    struct = _tokyo.read_tokyo(raw, HOW)
    database = _tokyo.plan_database(raw, struct)
    if queries is not None:
        sides = {"test/database": database, "test/queries": _named(queries)}
        return Plan("tokyo_night", sides, PUBLISHED, options={"queries": f"of {queries.resolve()}"})
    photos, notes = _tokyo.plan_queries(raw, struct, full_size)
    night = [photo for photo in photos if photo.note == "night"]
    notes.append(f"{len(photos) - len(night):,} queries by day and at sunset are left out")
    sides = {"test/database": database, "test/queries": night}
    return Plan("tokyo_night", sides, PUBLISHED, notes, {"queries": _tokyo.size_words(full_size)})


def _named(folder: Path) -> list[Photo]:
    """Night photos whose names say where they were taken."""
    places = read_places(folder)
    others = sorted({str(zone) for zone in np.unique(places.zones)} - {"", "54", "54 north"})  # type: ignore[arg-type]
    if others:
        raise InputError(f"{folder}: lies in UTM zone {others[0]}, but Tokyo in 54 north")
    notes = np.full(len(places), "") if places.notes is None else places.notes
    photos = []
    for row, (name, (east, north), note) in enumerate(zip(places.names, places.xy, notes, strict=True)):
        fields = Path(str(name)).name.split("@")[:-1]
        pano, tile, time = (fields[number] if len(fields) > number else "" for number in (7, 8, 13))
        photos.append(
            Photo(
                places.path(row),
                float(east),
                float(north),
                _tokyo.ZONE,
                pano=pano,
                tile=tile,
                time=time,
                note=str(note) or "night",
            )
        )
    return photos
