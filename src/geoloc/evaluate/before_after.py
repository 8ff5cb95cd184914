"""What a step did to the recall of the same queries: how many it helped and hurt, and whether that may be chance.

McNemar, "Note on the sampling error of the difference between correlated proportions or percentages", Psychometrika 12,
1947; here in its exact form: if the step did nothing, each query that changed was as likely helped as hurt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from geoloc.errors import InputError
from geoloc.evaluate.bootstrap import paired_intervals


@dataclass(frozen=True)
class Change:
    """Change of recall at one N.

    Attributes:
        before: Recall in percent of all queries.
        after: Likewise.
        difference: after - before, in points; helped - hurt.
        ci95: Its 95 % paired bootstrap interval; a single value if no query changed.
        helped: Share of all queries, in percent, that became right.
        hurt: Share that became wrong.
        p: Two-sided exact McNemar p-value; 1 if no query changed.
        queries: Number of queries.
    """

    before: float
    after: float
    difference: float
    ci95: tuple[float, float]
    helped: float
    hurt: float
    p: float
    queries: int


def changes(before_hits: np.ndarray, after_hits: np.ndarray, ns: Sequence[int]) -> dict[int, Change]:
    """Change at each N.

    Args:
        before_hits: (Q, len(ns)) bool, right within N.
        after_hits: (Q, len(ns)) bool, of the same queries in the same order.
        ns: Recall values.

    Raises:
        InputError: The shapes differ, or there is no query.

    Example:
        >>> before, after = np.array([[False], [False], [True], [False]]), np.array([[True], [True], [True], [False]])
        >>> change = changes(before, after, [1])[1]
        >>> change.before, change.after, change.helped, change.hurt, change.p
        (25.0, 75.0, 50.0, 0.0, 0.5)
    """
    if before_hits.ndim != 2 or before_hits.shape[1] != len(ns):
        raise InputError(f"hits must have one column for each of the {len(ns)} N, not shape {before_hits.shape}")
    intervals = paired_intervals(before_hits, after_hits)
    queries = len(before_hits)
    helped = (after_hits & ~before_hits).sum(axis=0)
    hurt = (before_hits & ~after_hits).sum(axis=0)
    return {
        n: Change(
            before=100 * float(before_hits[:, column].mean()),
            after=100 * float(after_hits[:, column].mean()),
            difference=float(intervals[column, 0]),
            ci95=(float(intervals[column, 1]), float(intervals[column, 2])),
            helped=100 * float(helped[column]) / queries,
            hurt=100 * float(hurt[column]) / queries,
            p=mcnemar(int(helped[column]), int(hurt[column])),
            queries=queries,
        )
        for column, n in enumerate(ns)
    }


def mcnemar(helped: int, hurt: int) -> float:
    """Two-sided exact p-value of so many queries helped and hurt: how often a fair coin falls at least as unevenly.

    Example:
        >>> mcnemar(5, 0), mcnemar(0, 0)  # 2 of the 32 ways in which five coins fall; nothing to tell
        (0.0625, 1.0)
    """
    changed = helped + hurt
    return float(binomtest(helped, changed, 0.5).pvalue) if changed else 1.0
