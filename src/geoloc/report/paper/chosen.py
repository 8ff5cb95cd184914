"""Which queries a figure shows: by rule or by name, so that nobody has to ask how they were picked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from geoloc.errors import InputError
from geoloc.report.paper.ranked import Ranked

# What a query is to a reader, in the order of the rows of a figure.
KINDS = ("right", "helped", "hurt", "wrong")
TOLD = {
    "right": "right",
    "wrong": "wrong",
    "helped": "right through post-processing",
    "hurt": "wrong through post-processing",
}


def kinds_of(found: Ranked, before: Ranked | None = None) -> np.ndarray:
    """What became of each query at rank 1.

    Args:
        found: Final order.
        before: The same queries before post-processing; None if there was none.

    Returns:
        (Q,) str of `KINDS`.
    """
    now = found.correct[:, 0]
    kinds = np.where(now, "right", "wrong").astype("<U6")
    if before is not None:
        was = before.correct[:, 0]
        kinds[now & ~was], kinds[was & ~now] = "helped", "hurt"
    return kinds


def choose(found: Ranked, kinds: np.ndarray, number: int) -> list[int]:
    """Rows of telling queries, of each kind in turn.

    Of those that are wrong, the ones whose prediction is nearest in descriptors, so the surest mistakes; of those that
    are right, the ones whose prediction is farthest, so the hardest finds. Two queries with the same first prediction
    would show the same twice, and only one of them is taken.

    Args:
        found: Final order.
        kinds: (Q,) str; see `kinds_of`.
        number: Of queries; fewer if there are not so many.

    Returns:
        Rows of `found`, by kind.
    """
    first, database = found.distances[:, 0], found.database[:, 0]
    waiting: dict[str, list[int]] = {}
    for kind in ("wrong", "right", "helped", "hurt"):
        rows = np.flatnonzero(kinds == kind)
        sure_first = 1 if kind in ("wrong", "hurt") else -1
        waiting[kind] = rows[np.argsort(sure_first * first[rows], kind="stable")].tolist()
    taken: list[int] = []
    shown: set[str] = set()
    while len(taken) < number and any(waiting.values()):
        for left in waiting.values():
            row = next((row for row in left if database[row] not in shown), None)
            if row is None:
                left.clear()
            elif len(taken) < number:
                taken.append(row)
                shown.add(database[row])
                left.remove(row)
    return sorted(taken, key=lambda row: (KINDS.index(kinds[row]), taken.index(row)))


def by_name(parts: Sequence[str], domains: dict[str, np.ndarray], key: str = "figures.queries") -> dict[str, list[int]]:
    """Rows of the queries that are asked for.

    Args:
        parts: A query's path, or a part of it that no other query of its domain has.
        domains: Domain -> (Q,) str paths of its queries.
        key: Where they are asked for.

    Returns:
        Domain -> rows, in the order asked for; empty where it has none of them.

    Raises:
        InputError: A part fits no query of any domain, or several of one.
    """
    found: dict[str, list[int]] = {domain: [] for domain in domains}
    problems = []
    for part in parts:
        fitting = {domain: _fitting(part, names) for domain, names in domains.items()}
        if not any(len(rows) for rows in fitting.values()):
            problems.append(f"{key}: no query of {', '.join(domains)} is called, or has in its path, {part}")
        for domain, rows in fitting.items():
            if len(rows) > 1:
                problems.append(f"{key}: {part} fits {len(rows)} queries of {domain}; type more of the path")
            found[domain] += rows.tolist()
    if problems:
        raise InputError(*problems)
    return {domain: list(dict.fromkeys(rows)) for domain, rows in found.items()}


def _fitting(part: str, names: np.ndarray) -> np.ndarray:
    exact = np.flatnonzero(names == part)
    return exact if len(exact) else np.flatnonzero(np.char.find(names, part) >= 0)
