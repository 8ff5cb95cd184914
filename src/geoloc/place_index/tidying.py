"""When segments are put together: much of them has been removed, or they have become many small ones."""

from __future__ import annotations

from dataclasses import replace

from geoloc.place_index.contents import Contents
from geoloc.place_index.segment import merged

SMALL = 2**24  # bytes of descriptors
MANY = 32  # small segments at the end


def whole(contents: Contents) -> Contents:
    """All photos in one segment, without those that were removed."""
    tidy = len(contents.segments) <= 1 and all(segment.kept is None for segment in contents.segments)
    if tidy or not len(contents):
        return contents
    return replace(contents, segments=(merged(contents.segments, contents.dim, contents.dtype),))


def tidied(contents: Contents) -> Contents:
    """The same photos, in fewer segments where that is worth their being written again.

    That is: all of them, if more than half have been removed; or the small segments at the end, if there are many, as
    where photos come one by one.
    """
    if 2 * len(contents) < sum(len(segment.records) for segment in contents.segments):
        return whole(contents)
    start = len(contents.segments)
    while start and contents.segments[start - 1].vectors.nbytes < SMALL:
        start -= 1
    if len(contents.segments) - start <= MANY:
        return contents
    one = merged(contents.segments[start:], contents.dim, contents.dtype)
    return replace(contents, segments=(*contents.segments[:start], one))


def rebased(theirs: Contents, mine: Contents, loaded: Contents) -> tuple[Contents, set[str]]:
    """What others have saved, changed as mine was changed since it was loaded.

    Args:
        theirs: As it is on the disk now.
        mine: As it is in memory.
        loaded: What it was when it was loaded, or saved for the last time.

    Returns:
        The changed contents, and ids that both have added.
    """
    kept: set[str] = set()
    for segment in mine.segments:
        if segment.name:
            kept.update(segment.live.ids.tolist())
    found, twice = theirs.without(loaded.ids - kept), set[str]()
    for segment in mine.segments:
        if not segment.name:
            twice |= found.ids.intersection(segment.live.ids.tolist())
            found = found.plus(segment)
    return found, twice
