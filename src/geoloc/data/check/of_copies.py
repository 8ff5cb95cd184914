"""Findings about photos that a domain has more than once: the same bytes, the same exposure, the same look."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from geoloc.data.check.alike import AT_MOST, Alike, distance
from geoloc.data.check.subject import Finding, Subject, pairs_of
from geoloc.places import SIDES

LOOK = f"hashes of what they show differ in at most {AT_MOST} of 63 bits"


def of_copies(subject: Subject, alike: Alike) -> Iterator[Finding]:
    """Everything about copies within a domain.

    Args:
        subject: The domain.
        alike: Of the photos of all subjects.
    """
    yield from _near_queries(subject)
    yield from _far_from_queries(subject)
    for side in SIDES:
        yield from _within(subject, side)
    yield from _alike_within(subject, alike)


def _near_queries(subject: Subject) -> Iterator[Finding]:
    """Queries whose positives hold the same photo, or one that looks like it."""
    (places, asked, _), (database, searched, _) = subject.side("queries"), subject.side("database")
    assert places.shots is not None
    assert database.shots is not None
    queries, rows = subject.positives.pairs()
    bytes_agree = asked.contents[queries] == searched.contents[rows]
    same = bytes_agree | ((places.shots[queries] == database.shots[rows]) & (places.shots[queries] != ""))
    train = subject.stage == "train"
    if same.any():
        first = np.flatnonzero(same)[np.unique(queries[same], return_index=True)[1]]
        yield Finding(
            not train,
            subject.where,
            f"{len(first)} of {len(places)} queries are in the database too, within"
            f" {subject.radius:g} m (same bytes, or same panorama and time)",
            "training does not use the pair; the query keeps its other positives"
            if train
            else "take them out of one side: a photo finds itself, which inflates recall",
            pairs=pairs_of(places, queries[first], database, rows[first]),
        )
    near = asked.told[queries] & searched.told[rows] & ~same
    near[near] = distance(asked.looks[queries[near]], searched.looks[rows[near]]) <= AT_MOST
    near &= ~np.isin(queries, queries[same])
    if near.any():
        first = np.flatnonzero(near)[np.unique(queries[near], return_index=True)[1]]
        yield Finding(
            False,
            subject.where,
            f"{len(first)} of {len(places)} queries look like a database image within {subject.radius:g} m ({LOOK})",
            "look at the pairs: new encodings of one photo would inflate recall, two photos from one spot are fine",
            pairs=pairs_of(places, queries[first], database, rows[first]),
        )


def _far_from_queries(subject: Subject) -> Iterator[Finding]:
    """Queries whose very bytes are in the database, but nowhere near."""
    (places, asked, _), (database, searched, _) = subject.side("queries"), subject.side("database")
    queries, rows = subject.positives.pairs()
    near = queries[asked.contents[queries] == searched.contents[rows]]
    found = np.flatnonzero(asked.readable & np.isin(asked.contents, searched.contents))
    found = np.setdiff1d(found, near)
    if len(found):
        yield Finding(
            False,
            subject.where,
            f"{len(found)} of {len(places)} queries are in the database too (same bytes), but"
            f" farther than {subject.radius:g} m away",
            "one of the two positions is wrong, or the picture has no content, and its match counts as an error",
            pairs=pairs_of(places, found, database, searched.same_as(asked.contents[found])),
        )


def _within(subject: Subject, side: str) -> Iterator[Finding]:
    """Files of the same bytes on one side."""
    places, photos, _ = subject.side(side)
    rows = np.flatnonzero(photos.readable)
    _, first, own = np.unique(photos.contents[rows], return_index=True, return_inverse=True)
    origin = rows[first][own.ravel()]
    copies = rows[origin != rows]
    if not len(copies):
        return
    originals = origin[origin != rows]
    apart = np.linalg.norm(places.xy[copies] - places.xy[originals], axis=1) > subject.radius
    elsewhere = (
        f", {int(apart.sum())} of them farther than {subject.radius:g} m from it, so that one of the positions is wrong"
        if apart.any()
        else ""
    )
    order = np.argsort(~apart, kind="stable")
    thing = "database images" if side == "database" else side
    yield Finding(
        False,
        subject.where,
        f"{len(copies)} of {len(places)} {thing} have the same bytes as an earlier one{elsewhere}",
        "remove the copies: they take the places of other images in the list of predictions"
        if side == "database"
        else "remove the copies: each counts as a query of its own",
        pairs=pairs_of(places, originals[order], places, copies[order]),
    )


def _alike_within(subject: Subject, alike: Alike) -> Iterator[Finding]:
    """Database images that look like another."""
    places, _, rows = subject.side("database")
    partners = alike.partners(rows, rows)
    found = np.flatnonzero(partners >= 0)
    if len(found):
        yield Finding(
            False,
            subject.where,
            f"{len(found)} of {len(places)} database images look like another one ({LOOK})",
            "fine if they are photos of one place; copies of a photo, or pictures without content, only take space",
            pairs=pairs_of(places, found, places, partners[found] - subject.first),
        )
