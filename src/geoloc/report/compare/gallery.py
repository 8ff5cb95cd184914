"""Pictures of queries that flipped: what each of two runs found for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from geoloc.errors import InputError
from geoloc.report.compare.answers import Answer
from geoloc.report.compare.pairs import Flip, Pair
from geoloc.report.compare.rows import Comparison
from geoloc.report.compare.runs import Run
from geoloc.report.figures import QUERY, RIGHT, WRONG, thumbnail
from geoloc.report.thumbnails import inline
from geoloc.report.told import length

EACH = 6  # queries that became right, and wrong, of a domain
ON_PAGE = 60  # of all runs and domains; 480 photos, about 3 MB
TILE = (116, 89)  # pixels: 4 x 3 within a frame of 4
FRAMES = {"query": QUERY, "right": RIGHT, "wrong": WRONG}


@dataclass(frozen=True)
class Tile:
    """A photo on the page.

    Attributes:
        name: Its relative path.
        image: Address of its picture, framed by what it is; empty if it cannot be read.
        kind: "query", "right" or "wrong".
        far: How far from the query it was taken, in words; empty for the query itself.
    """

    name: str
    image: str
    kind: str
    far: str = ""


@dataclass(frozen=True)
class Pictured:
    """A query that flipped.

    Attributes:
        flip: The query.
        before: The query and what the baseline found first.
        after: The same of the other run.
    """

    flip: Flip
    before: list[Tile]
    after: list[Tile]


@dataclass
class Gallery:
    """The queries of a domain that flipped one way.

    Attributes:
        title: "became right" or "became wrong".
        number: Of all of them.
        shown: Those that are told one by one.
    """

    title: str
    number: int
    shown: list[Pictured]


@dataclass
class Photographer:
    """Makes pictures and notes what it cannot read.

    Attributes:
        missing: A line for each photo that cannot be read.
    """

    missing: dict[str, None] = field(default_factory=dict)

    def galleries(self, baseline: Run, found: Sequence[Comparison]) -> list[list[list[Gallery]]]:
        """Of each run, of each of its domains, one a direction; a direction without a query has none."""
        groups = sum(bool(own) for each in found for pair in each.pairs for _, own in _directions(pair))
        number = max(1, min(EACH, ON_PAGE // max(1, groups)))
        left = ON_PAGE
        pages = []
        for each in found:
            page = []
            for pair in each.pairs:
                of_pair = []
                for title, own in _directions(pair):
                    if own:
                        chosen = telling(own, min(number, left))
                        left -= len(chosen)
                        shown = [self._pictured(baseline, each.run, pair, flip) for flip in chosen]
                        of_pair.append(Gallery(title, len(own), shown))
                page.append(of_pair)
            pages.append(page)
        return pages

    def _pictured(self, baseline: Run, run: Run, pair: Pair, flip: Flip) -> Pictured:
        before = self._tiles(baseline, pair, flip.query, flip.before)
        after = self._tiles(run, pair, flip.query, flip.after)
        return Pictured(flip, before, after)

    def _tiles(self, run: Run, pair: Pair, query: str, answer: Answer) -> list[Tile]:
        domain = pair.domain
        folders = run.judged()[domain].get("folders", {})
        tiles = [Tile(query, self._image(run, domain, folders.get("queries"), query, "query"), "query")]
        for each in answer.top:
            kind = "right" if each.correct else "wrong"
            image = self._image(run, domain, folders.get("database"), each.photo, kind)
            tiles.append(Tile(each.photo, image, kind, length(each.meters, pair.metres_per_frame)))
        return tiles

    def _image(self, run: Run, domain: str, folder: str | None, name: str, kind: str) -> str:
        try:
            if folder is None:
                raise InputError(f"{run.name} does not say where the photos of {domain} are")
            return inline(thumbnail(Path(folder) / name, TILE, FRAMES[kind]))
        except InputError as error:
            self.missing[str(error)] = None
            return ""


def _directions(pair: Pair) -> Iterator[tuple[str, list[Flip]]]:
    yield "became right", [flip for flip in pair.flips if flip.helped]
    yield "became wrong", [flip for flip in pair.flips if not flip.helped]


def telling(flips: Sequence[Flip], number: int) -> list[Flip]:
    """The flips with the largest change of the reciprocal rank, the largest first.

    Of equally large ones that do not all fit, some that lie evenly in the given order, so that they are no single
    street.

    Args:
        flips: To choose from.
        number: To be chosen, at most.
    """
    chosen: list[Flip] = []
    for _, group in groupby(sorted(flips, key=lambda flip: -abs(flip.gain)), key=lambda flip: abs(flip.gain)):
        alike = list(group)
        room = min(number - len(chosen), len(alike))
        chosen += [alike[at * len(alike) // room] for at in range(room)]
    return chosen


def answered(answer: Answer) -> str:
    """Where the first correct prediction is, in words.

    Example:
        >>> answered(Answer("", 2)), answered(Answer())
        ('first right at rank 2', 'none right')
    """
    return f"first right at rank {answer.rank}" if answer.rank else "none right"
