"""Findings about what train, val and test share: files, looks and ground."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from geoloc.data.check.alike import Alike
from geoloc.data.check.of_copies import LOOK
from geoloc.data.check.subject import SHOWN, Finding, Subject, number, pairs_of
from geoloc.data.domains import Domain
from geoloc.earth import earth_centred, on_surface, to_latlon
from geoloc.frames import one_zone
from geoloc.places import SIDES, PlaceSet

SHARED_GROUND = 0.1  # share of queries that may lie beside train images; splits that are cut along a line have a few


def of_splits(subjects: Sequence[Subject], alike: Alike) -> Iterator[Finding]:
    """Everything about pairs of domains of different stages.

    Args:
        subjects: All domains.
        alike: Of the photos of all of them.
    """
    for first in subjects:
        for second in subjects:
            if (first.stage, second.stage) in (("train", "val"), ("train", "test")):
                yield from _files(first, second, True)
                yield from _looks(first, second, alike)
                yield from _ground(first, second)
            elif (first.stage, second.stage) == ("val", "test"):
                yield from _files(first, second, False)


def _files(first: Subject, second: Subject, spoils: bool) -> Iterator[Finding]:
    """The same bytes in both."""
    found = np.flatnonzero(second.photos.readable & np.isin(second.photos.contents, first.photos.contents))
    if not len(found):
        return
    size = len(second.domain.database)
    queries = int((found >= size).sum())
    what = (
        f"{number(len(found), 'image')} ({queries} of {len(second.domain) - size} queries,"
        f" {len(found) - queries} of {size} in the database) are in {first.where} too (same bytes)"
    )
    twins = first.photos.same_as(second.photos.contents[found])
    remedy = (
        "take them out of one of the two: recall on photos that were trained on says little about new ones"
        if spoils
        else "the checkpoint is chosen on what it is then judged by; other val data would be more honest"
    )
    yield Finding(spoils, second.where, what, remedy, pairs=pairs_of(first.domain, twins, second.domain, found))


def _looks(first: Subject, second: Subject, alike: Alike) -> Iterator[Finding]:
    """The same look in both."""
    train = first.first + np.arange(len(first.domain))
    for side in SIDES:
        places, photos, rows = second.side(side)
        partners = alike.partners(rows, train)
        partners[np.isin(photos.contents, first.photos.contents)] = -1  # told already
        found = np.flatnonzero(partners >= 0)
        if len(found):
            yield Finding(
                False,
                second.where,
                f"{len(found)} of {len(places)} images of the {side} look like one of {first.where} ({LOOK})",
                "look at the pairs: if they are one photo in two encodings, take it out of one of the two",
                pairs=pairs_of(first.domain, partners[found] - first.first, second.domain, rows[found] - second.first),
            )


def _ground(train: Subject, judged: Subject) -> Iterator[Finding]:
    """Queries beside train images."""
    own = home(train.domain) == home(judged.domain)
    places = in_one_frame(train.domain, judged.domain, own)
    if places is None:
        return
    queries = judged.domain.queries
    trained, asked = places
    beside = np.flatnonzero(cKDTree(trained).query(asked)[0] <= judged.radius)
    if not len(beside):
        return
    share = len(beside) / len(queries)
    yield Finding(
        own and share > SHARED_GROUND,
        judged.where,
        f"{len(beside)} of {len(queries)} queries ({share:.0%}) lie within {judged.radius:g} m of images of"
        f" {train.where}",
        "recall there says how well the network knows places it was trained on; split the data by area"
        if own
        else "recall there says how well the network knows places it was trained on; say so beside the number",
        tuple(str(queries.path(int(row))) for row in beside[:SHOWN]),
    )


def home(domain: Domain) -> Path:
    """The folder of the data set that a domain is a split of."""
    root = domain.database.root.resolve()
    return root.parents[2] if root.parent.parent.name == "images" else root


def in_one_frame(first: Domain, second: Domain, same_set: bool) -> tuple[np.ndarray, np.ndarray] | None:
    """Positions of two domains between which distances mean something.

    Args:
        first: One domain.
        second: Another.
        same_set: They are splits of one data set, and where no zone is said it is one.

    Returns:
        All positions of the first, and those of the second's queries, in metres; None if they cannot be compared.
    """
    sides = (first.database, first.queries, second.database, second.queries)
    frames = {side.coordinates for side in sides}
    zones = np.concatenate([side.zones for side in sides if side.zones is not None])
    said = bool((zones != "").all())
    if frames == {"utm"} and one_zone(zones):
        known = np.array_split(zones != "", [len(first)])  # of each domain
        places = [side.xy for side in sides] if same_set or all(one.any() for one in known) else None
    elif frames == {"local"}:
        places = [side.xy for side in sides] if same_set else None
    else:
        places = [_on_earth(side) for side in sides] if said and "local" not in frames else None
    return None if places is None else (np.concatenate(places[:2]), places[3])


def _on_earth(side: PlaceSet) -> np.ndarray:
    """(N, 3) float64 metres from the centre of the earth."""
    if side.coordinates == "earth":
        return on_surface(side.xy)
    assert side.zones is not None
    return earth_centred(to_latlon(side.xy, side.zones))
