"""Findings about the files of a domain, each for itself: unreadable, of several sizes or modes, unlike their note."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from geoloc.data.check.subject import SHOWN, Finding, Subject, number
from geoloc.data.conditions import by_brightness
from geoloc.places import SIDES

OTHERWISE = 0.2  # share of photos whose light may contradict what is said of them; see `by_brightness` for its errors
ASPECT = 0.02  # sizes whose ratio of sides differs by less have the same shape


def of_files(subject: Subject, image_size: Sequence[int], skipped: bool) -> Iterator[Finding]:
    """Everything about the files of a domain.

    Args:
        subject: The domain.
        image_size: (height, width) that images are resized to.
        skipped: Unreadable images of the train domain are left out (`unreadable=skip_and_count`).
    """
    yield from _unreadable(subject, skipped)
    yield from _shapes(subject, image_size)
    yield from _modes(subject)
    yield from _light(subject)


def _unreadable(subject: Subject, skipped: bool) -> Iterator[Finding]:
    rows = np.flatnonzero(~subject.photos.readable)
    if not len(rows):
        return
    names = subject.domain.paths()
    size = len(subject.domain.database)
    queries = int((rows >= size).sum())
    what = (
        f"{number(len(rows), 'image')} cannot be read"
        f" ({len(rows) - queries} of {size} in the database, {queries} of {len(names) - size} queries)"
    )
    train = subject.stage == "train"
    if train and skipped:
        remedy = "training leaves them out and counts them (unreadable=skip_and_count)"
    elif train:
        remedy = "replace or remove them, or train with unreadable=skip_and_count, which leaves them out"
    else:
        remedy = "replace them; evaluation never leaves an image out, since recall would be over other images"
    examples = tuple(f"{names[row]}: {subject.photos.errors[row]}" for row in rows[:SHOWN])
    yield Finding(not (train and skipped), subject.where, what, remedy, examples)


def _shapes(subject: Subject, image_size: Sequence[int]) -> Iterator[Finding]:
    photos = subject.photos.select(subject.photos.readable)
    sizes = Counter(zip(photos.widths.tolist(), photos.heights.tolist(), strict=True))
    ratios = np.log([width / height for width, height in sizes])
    if len(sizes) < 2 or np.ptp(ratios) < ASPECT:
        return
    shown = ", ".join(f"{width}x{height}: {count}" for (width, height), count in sizes.most_common(3))
    more = f", and {len(sizes) - 3} more sizes" if len(sizes) > 3 else ""
    yield Finding(
        False,
        subject.where,
        f"images have several shapes (width x height {shown}{more})",
        f"all are squashed to {image_size[1]}x{image_size[0]}; views=single_query keeps the shape of queries",
    )


def _modes(subject: Subject) -> Iterator[Finding]:
    modes = Counter(subject.photos.modes[subject.photos.readable].tolist())
    other = {mode: count for mode, count in modes.most_common() if mode != "RGB"}
    if other:
        yield Finding(
            False,
            subject.where,
            f"not all images are RGB ({', '.join(f'{mode}: {count}' for mode, count in other.items())})",
            "they become RGB, and what is transparent becomes white",
        )


def _light(subject: Subject) -> Iterator[Finding]:
    for side in SIDES:
        places, photos, _ = subject.side(side)
        assert places.conditions is not None
        said = np.isin(places.conditions, ["day", "night"]) & photos.readable
        seen = by_brightness(photos.brightness)
        wrong = np.flatnonzero(said & (seen != places.conditions))
        if len(wrong) > OTHERWISE * said.sum():
            yield Finding(
                False,
                subject.where,
                f"{len(wrong)} of {int(said.sum())} photos of the {side} look like night where day is said, or the"
                " reverse",
                "look at some; is the note or the column condition right?",
                tuple(
                    f"{places.path(int(row))}: {places.conditions[row]}, brightness {photos.brightness[row]:.0f} of 255"
                    for row in wrong[:SHOWN]
                ),
            )
