"""Pictures of queries that flipped: what each of two runs found for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from geoloc.errors import InputError
from geoloc.report.compare.answers import TOP, Answer
from geoloc.report.compare.pairs import Flip, Pair
from geoloc.report.compare.rows import Comparison
from geoloc.report.compare.runs import Run
from geoloc.report.figures import strip
from geoloc.report.page import inline

EACH = 6  # queries that became right, and wrong, of a domain
ON_PAGE = 60  # of all runs and domains; about 4 MB of pictures
TILE = (116, 87)  # pixels


@dataclass(frozen=True)
class Pictured:
    """A query that flipped.

    Attributes:
        flip: The query.
        before: Address of the picture of what the baseline found; empty if a photo cannot be read.
        after: The same of the other run.
    """

    flip: Flip
    before: str
    after: str


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
    """Makes pictures and notes which photos it cannot read.

    Attributes:
        missing: A line for each picture that could not be made.
    """

    missing: list[str] = field(default_factory=list)

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
                        shown = [self._pictured(baseline, each.run, pair.domain, flip) for flip in chosen]
                        of_pair.append(Gallery(title, len(own), shown))
                page.append(of_pair)
            pages.append(page)
        return pages

    def _pictured(self, baseline: Run, run: Run, domain: str, flip: Flip) -> Pictured:
        before = self._strip(baseline, domain, flip.query, flip.before)
        after = self._strip(run, domain, flip.query, flip.after)
        return Pictured(flip, before, after)

    def _strip(self, run: Run, domain: str, query: str, answer: Answer) -> str:
        folders = run.judged()[domain].get("folders", {})
        if not folders:
            self.missing.append(f"{run.name} does not say where the photos of {domain} are")
            return ""
        try:
            picture = strip(
                Path(folders["queries"]) / query,
                [Path(folders["database"]) / each.photo for each in answer.top],
                [each.correct for each in answer.top],
                tile=TILE,
            )
        except InputError as error:
            self.missing.append(str(error))
            return ""
        return inline(picture)


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
    """What was found, in words.

    Example:
        >>> from geoloc.report.compare.answers import Prediction
        >>> answered(Answer("", 2, [Prediction("a", 812.4, False), Prediction("b", 3.25, True)]))
        'first right at rank 2; 812.4 m, 3.2 m'
    """
    rank = f"first right at rank {answer.rank}" if answer.rank else "none right"
    return f"{rank}; {', '.join(f'{each.meters:.1f} m' for each in answer.top[:TOP])}"
